#!/bin/bash
# SPDX-License-Identifier: MIT
# Theory: where the instructions of a boot go, from dom0's first to the first of its init: in the hypervisor or in the
# kernel itself, and for Wirt in which functions. Counted by a plugin in QEMU, so nothing in the machine is changed.
# What the kernel executes itself no hypervisor can save: that is the floor of kernel_to_init. usage: where.sh [wirt|xen]
. "$(dirname "$0")/../lib/common.sh"

hv=${1:-wirt}
out=$build/bench
mkdir -p "$out"
"$top/tests/lib/fetch.sh" linux ${hv/wirt/} || exit 1
"$top/tests/lib/repack.sh" elf || exit 1
[ -e "$build/dom0/initrd.img" ] || die "no initramfs: make initrd builds it"
gcc -shared -fPIC -O2 -Wall -Werror -Wno-unused-parameter -o "$out/where.so" "$top/tests/bench/where.c" \
    -Wl,--unresolved-symbols=ignore-all || die "the plugin does not compile"
# The note of type 1, which readelf takes for a version, holds the address at which a PV kernel starts.
entry=$(readelf -nW "$build/kernels/vmlinux" 2>/dev/null |
    sed -n 's/.*Xen .*NT_VERSION.*data: \(.*[0-9a-f]\).*/\1/p' |
    awk '{ for (i = NF; i > 0; i--) hex = hex $i; print "0x" hex }')
[ -n "$entry" ] || die "no entry note in $build/kernels/vmlinux"
rm -f "$out/where.$hv"
"$top/tests/boot/run-vm" --hv "$hv" --memory 1024 --cpu qemu64,+svm,+npt,+invtsc --icount on --timeout 600 \
    --hv-options "console=com1 com1=115200,8n1 dom0_mem=512M" --linux "console=hvc0 wirt.job=poweroff" \
    --qemu "-plugin $out/where.so,from=$entry,out=$out/where.$hv" --log "$out/where.$hv.log" >&2
[ -s "$out/where.$hv" ] || die "init was not reached; see $out/where.$hv.log"
echo "instructions from dom0's first (at $entry) to its init, millions:"
awk '{ place = $1 ~ /^ffff8/ ? "hypervisor" : $1 ~ /^ffffffff/ ? "kernel" : "other"; sum[place] += $2; all += $2
        if (place == "kernel") hot[substr($1, 1, 13)] += $2 }
    END { for (p in sum) printf "%12.1f  %s\n", sum[p] / 1e6, p; printf "%12.1f  all\n", all / 1e6
        for (p in hot) if (hot[p] > most) { most = hot[p]; at = p }
        printf "%12.1f  of the kernel in the hottest 4 KiB, at %s000\n", most / 1e6, at }' "$out/where.$hv" | sort -k2
[ "$hv" = wirt ] || exit 0
echo "Wirt, by function, thousands:"
{ nm -n "$build/hypervisor/wirt.elf" | awk '$2 ~ /[tTwW]/ { print $1, "symbol", $3 }'; cat "$out/where.wirt"; } |
    sort -k1,1 -s | awk '$2 == "symbol" { name = $3; next } $1 ~ /^ffff8/ { sum[name] += $2 }
    END { for (n in sum) printf "%12.0f  %s\n", sum[n] / 1e3, n }' | sort -rn | head -n 25
