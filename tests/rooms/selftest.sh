#!/bin/sh
# SPDX-License-Identifier: MIT
# Theory: shows that the checker can fail. Works on a copy of the tree under a temporary folder, built there once. Each
# case spoils one file of the copy, expects a failure line that names the spoiled thing and was not there before, and
# puts the file back. A case whose spoiling changes nothing fails as well, so that no case rots in silence.
# Usage: selftest.sh HYPERVISOR DOCS
set -u
export LC_ALL=C
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d "${TMPDIR:-/tmp}/rooms-selftest.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
cp -r "$1" "$work/hypervisor" && cp -r "$2" "$work/docs" && cp -r "$here" "$work/rooms" &&
    cp "$here/../../.clang-format" "$work/" && mkdir "$work/o"
passed=0 failed=0

judge() {
    make -s -C "$work/hypervisor" O="$work/o" >"$work/build.log" 2>&1 ||
        { echo "the copy does not build: $(grep -m 1 error "$work/build.log")"; return; }
    sh "$work/rooms/check.sh" "$work/hypervisor" "$work/o" "$work/docs" 2>&1 | grep '^FAIL'
}

# spoil NAME FILE EXPECTED-TEXT SED-SCRIPT, or with "-" for the script: what stands on standard input is appended
spoil() {
    cp "$work/$2" "$work/kept"
    if [ "$4" = - ]; then cat >>"$work/$2"; else sed -i "$4" "$work/$2"; fi
    if cmp -s "$work/kept" "$work/$2"; then
        verdict="the spoiling changed nothing in $2"
    else
        judge >"$work/after"
        verdict="not found; the checker said: $(grep -vxF -f "$work/before" "$work/after" | head -n 3)"
        grep -vxF -f "$work/before" "$work/after" | grep -qF -- "$3" && verdict=ok
    fi
    cp "$work/kept" "$work/$2"
    if [ "$verdict" = ok ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAIL selftest $1: $verdict"
    fi
}

judge >"$work/before"
echo "FAIL none" >>"$work/before" # grep -f wants a line

spoil include-up hypervisor/hw/pci.c 'FAIL include   hw/pci.c: "dom/domain.h" points up' \
    's|#include "hw/pci.h"|&\n#include "dom/domain.h"|'
spoil include-sideways hypervisor/pv/misc.c '"hvm/hvm.h" points sideways' \
    '$a #if 0\n#include "hvm/hvm.h"\n#endif'
spoil include-foreign hypervisor/dom/pirq.c '<string.h> is not for the hypervisor' \
    's|#include "hw/irq.h"|&\n#include <string.h>|'
spoil call-up hypervisor/core/work.c 'core/work.c:domain_get: points up to dom/domain.c' - <<'END'
extern void *domain_get(u16 id);
void *work_spoilt(void);
void *work_spoilt(void) { return domain_get(0); }
END
spoil prefix hypervisor/dom/evtchn.c 'FAIL prefix    dom/evtchn.c:channel_spoilt' - <<'END'
int channel_spoilt(void);
int channel_spoilt(void)
{
    return 0;
}
END
spoil prefix-pv hypervisor/pv/pte.c 'FAIL prefix    pv/pte.c:pv_types_spoilt' - <<'END'
int pv_types_spoilt(void);
int pv_types_spoilt(void) { return 0; }
END
spoil prefix-percpu hypervisor/core/slab.c 'FAIL prefix    core/slab.c:percpu_frame_spoilt' - <<'END'
#include "hw/percpu.h"
PERCPU(int, frame_spoilt);
END
{ echo 'int slab_spoilt(int i);' && echo 'int slab_spoilt(int i)' && echo '{' && yes '    i++;' | head -n 60 &&
    echo '    return i;' && echo '}'; } >"$work/long"
spoil function hypervisor/core/slab.c 'core/slab.c:slab_spoilt: 64 lines; 60 are allowed' - <"$work/long"
yes '' | head -n 500 >"$work/blank"
spoil length hypervisor/dom/pirq.h 'FAIL length    hypervisor/dom/pirq.h' - <"$work/blank"
spoil length-elsewhere rooms/size.sh 'FAIL length    rooms/size.sh' - <"$work/blank"
spoil switch hypervisor/hw/power.c 'configuration switch #ifdef CONFIG_ACPI' '$a #ifdef CONFIG_ACPI\n#endif'
spoil guard hypervisor/hw/power.h 'configuration switch #ifndef POWER_H' 's/WIRT_HW_POWER_H/POWER_H/'
spoil spdx hypervisor/dom/page.c 'dom/page.c: its first comment has no SPDX' 1d
spoil theory hypervisor/hw/msi.c 'FAIL top       hw/msi.c: the comment at its top has' '2,/\*\//d'
spoil alone hypervisor/core/symbols.h 'FAIL alone     core/symbols.h: does not compile alone' '/#include/d'
spoil format hypervisor/hw/power.c 'FAIL format    hw/power.c' 's/^    /   /'
spoil door hypervisor/dom/pirq.h 'dom/pirq.h:policy_door: a pointer to a function that doors.txt' \
    's|^#endif$|extern void (*policy_door)(void);\n&|'
spoil door-stale rooms/doors.txt 'hw/trap.h:gone: doors.txt declares it, but there is none' \
    '$a hw/trap.h:gone (3) hw calls pv'
spoil lock-number hypervisor/core/lock.h 'RANK_PIRQ: LOCKS.md says 0x39, core/lock.h 0x37' \
    's/RANK_PIRQ = 0x39/RANK_PIRQ = 0x37/'
spoil lock-new hypervisor/core/lock.h 'RANK_NEW: LOCKS.md has no row' 's|^    RANK_PIRQ.*|&\n    RANK_NEW = 0x35,|'
spoil lock-where docs/LOCKS.md 'dom/pirq.c makes such a lock, LOCKS.md does not say so' \
    '/RANK_PIRQ/s|dom/pirq.c|dom/gone.c|g'
spoil exception rooms/exceptions.txt 'FAIL exception prefix dom/page.c:gone: excuses nothing' \
    '$a prefix dom/page.c:gone it was here once'
spoil reason rooms/exceptions.txt 'lib/log.c:panic: has no reason' 's/^\(prefix *lib.log.c:panic\) .*/\1/'
spoil abi docs/ABI.md 'FAIL docs      abi' '0,/mmu_update/s//mmu_updates/'
spoil errors hypervisor/boot/dom0.c 'FAIL docs      errors' 's/no module: GRUB/no modules: GRUB/'

echo "rooms selftest: $passed passed, $failed failed"
[ "$failed" -eq 0 ]
