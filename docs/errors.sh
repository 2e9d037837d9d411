#!/bin/sh
# SPDX-License-Identifier: MIT
# Theory: writes docs/ERRORS.md: every message that ends a boot, the machine or a domain, as errors.awk finds it in the
# sources, with the explanation that errors.txt has for it. A message without an explanation, or an explanation without
# a message, is an error. errors.sh --check says whether the page is up to date. TREE and DOCS as in abi.sh.
set -u
export LC_ALL=C
here=$(cd "$(dirname "$0")" && pwd)
docs=${DOCS:-$here}
hv=$(cd "${TREE:-$here/../hypervisor}" && pwd) || exit 1
new=$(mktemp) && found=$(mktemp) && page=$docs/ERRORS.md || exit 1
trap 'rm -f "$new" "$found"' EXIT

cd "$hv" || exit 1
find . \( -name '*.c' -o -name '*.S' \) -printf '%P\n' | sort | xargs awk -f "$here/errors.awk" >"$found"

# One table row for each explanation, with all messages of GROUP that it fits.
section() {
    awk -v group="$1" -f "$here/errors-table.awk" "$here/errors.txt" "$found"
}
{
    cat <<'END'
<!-- SPDX-License-Identifier: MIT -->
<!-- Written by docs/errors.sh from the sources and docs/errors.txt. Do not edit. -->
# What Wirt says last

Every message that ends a boot, the machine or a domain, what it means and what to do. `%lu`, `%s` and the like stand for
numbers and names. All lines of Wirt begin with `(WIRT)`, on the serial line and on the screen; after a warm reboot the
next start of Wirt prints what the last one said before it died.

A boot that cannot go on says one line that begins with `Wirt: `, then reboots after ten seconds, or halts if `noreboot`
stands on its command line.

## Before there is anything

The first instructions look at the processor. These lines come on COM1 at the speed that firmware left (115200 by
default) and in red at the top of a VGA text screen; then the machine halts.

END
    section early
    printf '\n## A boot that cannot go on\n\n'
    section boot
    cat <<'END'

## Causes

What stands in the messages above after the colon. The kernel is "module 1".

END
    section cause
    cat <<'END'

## Panics

Wirt itself is broken, or the machine beneath it. The line is `Wirt panic on CPU n: ` and one of these, or
`file:line: assertion failed: ...`; then come registers, a backtrace with names and the log's last lines; five seconds later
the machine reboots, or it halts if `noreboot` was given. A guest cannot cause any of these: if one did, it is a defect
worth a security report.

END
    section panic
    cat <<'END'

## Domains that crash

The line is `domain n crashed: ` and one of these, with registers behind it. A domain only ever harms itself so; but if it
is domain 0 the machine ends with it: `domain 0 crashed`, and a reboot (a halt with `noreboot`). `domain 0 powered the
machine off` and `domain 0 asked for a reboot` are the good ends.

END
    section crash
} >"$new" || exit 1
if grep '^ERROR' "$new" >&2; then exit 1; fi

if [ "${1:-}" = --check ]; then
    cmp -s "$new" "$page" && exit 0
    echo "docs/ERRORS.md is older than the sources; run \`make docs\`: $(diff "$page" "$new" | grep '^[<>]' | head -n 1)"
    exit 1
fi
cp "$new" "$page"
echo "written: docs/ERRORS.md, $(wc -l <"$found") messages"
