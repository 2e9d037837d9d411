#!/bin/bash
# SPDX-License-Identifier: MIT
# Theory: the figures of domains: Xen with xl and Debian's xenstored against Wirt with its own tools, the same dom0
# image, kernel and guests. Times are instructions (QEMU's icount), so they repeat; what is compared is a ratio. Each
# side is one boot. ONLY="linux micro ..." takes those parts alone, SIDES=wirt that side; the rest of the table is then
# what was measured before. A whole run leaves docs/PERFORMANCE-domains.dat.
. "$(dirname "$0")/../lib/common.sh"

out=$build/bench
parts=${ONLY:-linux micro many memory event devices pvh exits boot}
sides=${SIDES:-xen wirt}
watch=$out/stopwatch
mkdir -p "$out"
if stale "$watch" "$top/tests/bench/stopwatch.c"; then
    # At addresses that no other program has: where-create.sh looks for two of them.
    gcc -O2 -Wall -Wextra -Werror -static -Wl,-Ttext-segment=0x7e000000 -o "$watch" \
        "$top/tests/bench/stopwatch.c" -lxenevtchn -lxentoolcore \
        -lxentoollog || die "the stopwatch does not compile"
fi
"$top/tests/bench/exits/build.sh" "$out/meter.elf" || die "the meter does not compile"

# run HV STORE TOOL PARTS LOG [run-vm OPTION VALUE]...: one boot.
run() {
    local hv=$1 store=$2 tool=$3 parts=$4 log=$5
    shift 5
    say "$hv: counting ($parts), some minutes"
    "$top/tests/boot/run-dom0" --hv "$hv" --store "$store" --toolstack "$tool" --smp 1 --memory 2560 --dom0 512 \
        --cpu qemu64,+svm,+npt,+invtsc --icount on --timeout "${LIMIT:-1800}" --linux "wirt.parts=${parts// /,}" \
        --file "$watch" --file "$out/meter.elf" --log "$log" "$@" "$top/tests/bench/domains-dom0.sh" >&2 ||
        say "$hv: it did not end well; see $log"
}

# measure HV STORE TOOL: its figures replace those of the same names in domains.HV, "name side value" a line. What is
# in `boot` is one guest, and each of its exits a line of QEMU's log (nothing lies at the address that the log is of).
measure() {
    local log=$out/domains.$1.log figures=$out/domains.$1 exits=$out/exits.$1
    : >"$figures.new"
    if [ -n "${parts//boot/}" ]; then
        run "$1" "$2" "$3" "${parts//boot/}" "$log"
        sed -n "s/.*| DB \([a-z_]*\) \(-\?[0-9]*\).*/\1 $1 \2/p" "$log" >"$figures.new"
    fi
    if [[ $parts = *boot* ]]; then
        run "$1" "$2" "$3" boot "$log.boot" --qemu "-d in_asm -dfilter 1+1 -D $exits"
        echo "boot_exits $1 $(grep -c '^vmexit' "$exits")" >>"$figures.new"
    fi
    touch "$figures"
    awk 'NR == FNR { is_new[$1] = 1; print; next } !($1 in is_new)' "$figures.new" "$figures" | sort >"$figures.all"
    mv "$figures.all" "$figures"
}

for side in $sides; do
    case $side in
    xen) measure xen debian xl ;;
    wirt) measure wirt wirt wirt ;;
    *) die "SIDES names xen and wirt, not '$side'" ;;
    esac
done
cat "$out"/domains.{xen,wirt} 2>/dev/null | awk -f "$top/tests/bench/domains.awk" | tee "$out/domains.dat"
[ -n "${ONLY-}${SIDES-}" ] || cp "$out/domains.dat" "$top/docs/PERFORMANCE-domains.dat"
