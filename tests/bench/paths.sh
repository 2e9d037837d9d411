#!/bin/bash
# SPDX-License-Identifier: MIT
# Theory: where a PV guest's time goes: boots one kernel as dom0 on Xen, on Wirt or on the bare machine with paths.c as its
# only program, counts by the plugin marks.c what is executed for each operation, and tells the hypervisor's part, that of
# the kernel's paravirtualised code (by the names in its System.map) and the rest apart. One line an operation.
# usage: paths.sh none|wirt|xen BZIMAGE SYSTEM.MAP
. "$(dirname "$0")/../lib/common.sh"

hv=${1:-} kernel=${2:-} map=${3:-}
[ -f "$kernel" ] && [ -f "$map" ] || die "usage: paths.sh none|wirt|xen BZIMAGE SYSTEM.MAP"
case $hv in none) memory=256 console=ttyS0 ;; wirt | xen) memory=384 console=hvc0 ;; *) die "unknown hypervisor '$hv'" ;; esac
out=$build/bench/paths
mkdir -p "$out/stage"
gcc -shared -fPIC -O2 -Wall -Werror -Wno-unused-parameter -o "$out/marks.so" "$top/tests/bench/marks.c" \
    -Wl,--unresolved-symbols=ignore-all || die "the plugin does not compile"
gcc -O2 -static -Wall -Wextra -Werror -o "$out/stage/init" "$top/tests/bench/paths.c" || die "paths.c does not compile"
mark=$(nm "$out/stage/init" | awk '$3 == "mark" { print "0x" $1 }')
(cd "$out/stage" && echo init | cpio -o -H newc 2>/dev/null | gzip -1) >"$out/initrd.img"
rm -f "$out/$hv".[0-9]*
"$top/tests/boot/run-vm" --hv "$hv" --kernel "$kernel" --initrd "$out/initrd.img" --firmware direct --memory "$memory" --icount on \
    --cpu qemu64,+svm,+npt,+invtsc --hv-options "console=com1 com1=115200,8n1 dom0_mem=200M" --timeout "${TIMEOUT:-900}" \
    --linux "console=$console nokaslr" --qemu "-plugin $out/marks.so,marks=$mark,out=$out/$hv" \
    --log "$out/$hv.log" >&2
grep -q 'PATHS DONE' "$out/$hv.log" || die "the operations were not all done; see $out/$hv.log"
"$top/tests/bench/paths-read.sh" "$map" "$out/$hv.log" "$out/$hv"
