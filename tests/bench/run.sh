#!/bin/bash
# SPDX-License-Identifier: MIT
# Theory: measures the same dom0 natively, under Debian's Xen and under Wirt. Costs are counted in
# instructions: with QEMU's icount one nanosecond of guest time is one instruction, so the figures repeat
# exactly. Wall times are only compared inside one run, Xen and Wirt taking turns. Native and Xen counts
# are kept in build/bench for the same kernel and initramfs; FRESH=1 counts them again. Writes docs/PERFORMANCE.dat and its plot.
. "$(dirname "$0")/../lib/common.sh"

out=$build/bench
rounds=${ROUNDS:-3}
mkdir -p "$out" "$top/docs"
[ -n "${FRESH:-}" ] && rm -f "$out"/{native,xen,xen-nospec}.log
options="console=com1 com1=115200,8n1 dom0_mem=512M"
key=$(cat "$cache/linux/release" "$build/dom0/initrd.img" | sha256sum)

# count NAME HV MORE-HYPERVISOR-OPTIONS: one counted boot with the meter; leaves NAME.log.
count() {
    local name=$1 hv=$2 memory=1024 console=hvc0
    [ "$hv" = none ] && memory=512 console=ttyS0
    if [ "$name" != wirt ] && [ "$key" = "$(cat "$out/$name.key" 2>/dev/null)" ] &&
        grep -q 'MB dom0 DONE' "$out/$name.log" 2>/dev/null; then
        say "$name: counted before (FRESH=1 counts again)"
        return
    fi
    say "$name: counting instructions, about a minute"
    "$top/tests/boot/run-vm" --hv "$hv" --memory "$memory" --cpu qemu64,+svm,+npt,+invtsc --icount on \
        --hv-options "$options $3" --linux "console=$console wirt.job=bench" --timeout 900 \
        --log "$out/$name.log" >&2
    printf '%s\n' "$key" >"$out/$name.key"
    grep -q 'MB dom0 DONE' "$out/$name.log" || say "$name: the meter did not finish; see $out/$name.log"
}

# wall NAME HV ROUND: seconds from GRUB to init and to power-off, appended to wall.NAME.
wall() {
    "$top/tests/boot/run-vm" --hv "$2" --memory 1024 --smp 2 --hv-options "$options" \
        --linux "console=hvc0 wirt.job=poweroff" --timeout 300 --log "$out/wall.$1.$3.log" >"$out/wall.last" ||
        { say "$1: round $3 did not reach power-off: $(cat "$out/wall.last")"; return; }
    awk -v total="$(sed 's/.*wall=\([0-9.]*\).*/\1/' "$out/wall.last")" \
        '/WIRT-GRUB loading/ && !g { g = $1 } /WIRT-INIT uptime/ { i = $1 }
        END { print i - g, total - g }' "$out/wall.$1.$3.log" >>"$out/wall.$1"
    say "$1: round $3, init and power-off after $(tail -n 1 "$out/wall.$1") s"
}

median() { sort -n | awk '{ v[NR] = $1 } END { if (NR) print v[int((NR + 1) / 2)]; else print "-" }'; }

have_wirt=
if [ -e "$(hypervisor_path wirt)" ]; then have_wirt=yes; else
    say "wirt: skipped, there is no $(hypervisor_path wirt)"
fi
have_xen=
if [ -e "$(hypervisor_path xen)" ]; then have_xen=yes; else
    say "xen: skipped, tests/lib/fetch.sh xen could not fetch it"
fi
count native none ""
[ -n "$have_xen" ] && count xen xen "" && count xen-nospec xen spec-ctrl=no
rm -f "$out"/wall.*
[ -n "$have_wirt" ] && count wirt wirt ""
for round in $(seq "$rounds"); do
    [ -n "$have_xen" ] && wall xen xen "$round"
    [ -n "$have_wirt" ] && wall wirt wirt "$round"
done
touch "$out/wall.xen" "$out/wall.wirt"
for name in xen wirt; do
    printf 'wall_init %s %s\n' "$name" "$(cut -d ' ' -f 1 "$out/wall.$name" | median)"
    printf 'wall_poweroff %s %s\n' "$name" "$(cut -d ' ' -f 2 "$out/wall.$name" | median)"
done >"$out/wall"
for name in native xen xen-nospec wirt; do
    [ "$name" = wirt ] && [ -z "$have_wirt" ] && continue
    [ -e "$out/$name.log" ] && awk -v name="$name" -f "$top/tests/bench/read.awk" "$out/$name.log"
done | cat - "$out/wall" | awk -f "$top/tests/bench/table.awk" -v data="$top/docs/PERFORMANCE.dat"
if [ -n "$have_wirt" ] && command -v gnuplot >/dev/null; then
    gnuplot -e "data='$top/docs/PERFORMANCE.dat'; out='$top/docs/performance.svg'" "$top/tests/bench/plot.gp" &&
        say "plot: docs/performance.svg"
fi
say "data: docs/PERFORMANCE.dat"
