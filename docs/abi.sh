#!/bin/sh
# SPDX-License-Identifier: MIT
# Theory: writes docs/ABI.md, one section for each hypercall, from what decides it: the rows and comments of
# call/table.c, the numbers of include/public, and the tables and case labels of the handlers. Nothing in
# the page is written by hand but the introduction below. abi.sh --check says whether the page is up to date.
# TREE and DOCS may point to other copies of hypervisor/ and docs/.
set -u
export LC_ALL=C
here=$(cd "$(dirname "$0")" && pwd)
docs=${DOCS:-$here}
hv=$(cd "${TREE:-$here/../hypervisor}" && pwd) || exit 1
page=$docs/ABI.md
new=$(mktemp) || exit 1
trap 'rm -f "$new"' EXIT

cd "$hv" || exit 1
{
    cat <<'END'
<!-- SPDX-License-Identifier: MIT -->
<!-- Written by docs/abi.sh from the sources. Do not edit. -->
# The hypercalls that Wirt answers

The ABI is Xen's, version 4.17, for 64-bit paravirtualised guests. The number goes into RAX, arguments into RDI, RSI, RDX,
R10, R8 and R9; SYSCALL, or better the hypercall page, makes the call; RAX comes back with the result, zero or more for
success, a negative errno for failure. All other registers but RCX and R11 are kept.

- A number without a section is answered by `-ENOSYS`, and so is a command that a section does not list
  (set_segment_base and vm_assist: `-EINVAL`; a command of the control domain, to others: `-EPERM`). Nothing is ever answered with a success that did not happen.
- *Who*: "all" is every domain; "control" is the control domain, others get `-EPERM`.
- Long calls come back as continuations: the guest sees nothing of it, and interrupts are served in
  between; events for the vCPU that made the call wait until it is done.
- What is Wirt's own and for guests' kernels (`wirt_...`) stands behind CPUID: leaf 0x40000100 has the last leaf of these
  in EAX and "Wirt" in EBX, ECX and EDX, the next one a bit for each offer (`WIRT_FEATURE_*` in `public/wirt.h`) in EAX.
  Elsewhere the leaf has no such signature, and the calls are answered by `-ENOSYS`.
- Layouts and numbers stand in `hypervisor/include/public/`; `tests/abi` compares every one with libxen-dev's headers.

END
    # shellcheck disable=SC2046
    awk -f "$here/abi.awk" include/public/*.h $(ls call/*.c pv/*.c | grep -v call/table.c) call/table.c
} >"$new" || exit 1
grep -q '^## ' "$new" || { echo "abi.sh: call/table.c has no row that it understands" >&2; exit 1; }

if [ "${1:-}" = --check ]; then
    cmp -s "$new" "$page" && exit 0
    echo "docs/ABI.md is older than the sources; run \`make docs\`: $(diff "$page" "$new" | grep '^[<>]' | head -n 1)"
    exit 1
fi
cp "$new" "$page"
echo "written: docs/ABI.md, $(grep -c '^## ' "$page") hypercalls"
