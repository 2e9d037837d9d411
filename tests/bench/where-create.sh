#!/bin/bash
# SPDX-License-Identifier: MIT
# Theory: where the instructions of a domain's creation go, from the start of the command to the guest's first line, as
# domains.sh measures it. `linux`: a stock kernel, to its user space, and what is executed in the hypervisor, in dom0's
# kernel, in the guest's and in programs; what the guest's kernel executes no hypervisor and no tool can save. `many`: a
# micro-guest alone and beside the others, and in which functions the difference lies; Wirt only.
# usage: where-create.sh [wirt|xen] [linux|many], after `make bench-domains`, which builds the stopwatch
. "$(dirname "$0")/../lib/common.sh"

hv=${1:-wirt} part=${2:-linux}
out=$build/bench
watch=$out/stopwatch
stage=$build/dom0/tools-stage
[ -e "$watch" ] || die "no stopwatch: make bench-domains builds it"
gcc -shared -fPIC -O2 -Wall -Werror -Wno-unused-parameter -o "$out/where.so" "$top/tests/bench/where.c" \
    -Wl,--unresolved-symbols=ignore-all || die "the plugin does not compile"
address() { nm "$watch" | awk -v name="$1" '$3 == name { print "0x" $1 }'; }
counts=$out/where-create.$hv
store=wirt tool=wirt
[ "$hv" = wirt ] || { store=debian tool=xl; }
# Windows of the stopwatch: `linux` the second, `many` all six: three alone, a paused one, two beside the others.
parts=linux plugin=skip=1 programs=()
if [ "$part" = many ]; then
    parts=micro,many,symbols plugin=times=6
    for program in "$stage"/usr/sbin/{xenstored,wirt,wirtd} "$watch" /lib/x86_64-linux-gnu/libc.so.6; do
        plugin+=,look=$(readlink -f "$program") programs+=("$program")
    done
fi
rm -f "$counts" "$counts".[0-9]
"$top/tests/boot/run-dom0" --hv "$hv" --store "$store" --toolstack "$tool" --smp 1 --memory 2560 --dom0 512 \
    --cpu qemu64,+svm,+npt,+invtsc --icount on --timeout "${LIMIT:-1800}" --linux "wirt.parts=$parts" --file "$watch" \
    --qemu "-plugin $out/where.so,$plugin,from=$(address stopwatch_begin),to=$(address stopwatch_end),out=$counts" \
    --log "$counts.log" "$top/tests/bench/domains-dom0.sh" >&2

if [ "$part" = linux ]; then
    [ -s "$counts" ] || die "nothing was counted; see $counts.log"
    echo "instructions of a creation up to the guest's user space, millions:"
    awk '{ kernel = $1 ~ /^ffffffff/; place = $1 ~ /^ffff8/ ? "hypervisor" : kernel ? $3 "'\''s kernel" : "programs"
            sum[place] += $2; all += $2
            if (kernel && $3 == "guest") hot[substr($1, 1, 13) "000"] += $2 }
        END { for (p in sum) printf "%12.1f  %s\n", sum[p] / 1e6, p; printf "%12.1f  all\n", all / 1e6
            for (p in hot) printf "%12.1f  of these in 4 KiB of the guest'\''s kernel at %s\n", hot[p] / 1e6, p }' "$counts" |
        sort -rn | head -n 9
    exit
fi
[ -s "$counts.5" ] || die "not everything was counted; see $counts.log"

# Symbols as "place address name", addresses of programs being offsets in their files.
symbols() {
    local program
    nm "$build/hypervisor/wirt.elf" | awk '$2 ~ /[tTwW]/ { print "hypervisor", $1, $3 }'
    sed -n 's/.*| DB64 //p' "$counts.log" | tr -d '\r' | base64 -d | gunzip | awk '{ print "kernel", $1, $2 }'
    for program in "${programs[@]}"; do
        { readelf -lW "$program" | awk '$1 == "LOAD" && / R E / { print "text", $2, $3 }'
            nm "$program"
            nm -D "$program"; } 2>/dev/null | OF=$(basename "$(readlink -f "$program")") perl -ne '
            if (/^text 0x(\S+) 0x(\S+)/) { $shift = hex($2) - hex($1) }
            elsif (/^([0-9a-f]+) [tTwWi] ([^@\s]+)/) { printf "%s %016x %s\n", $ENV{OF}, hex($1) - $shift, $2 }'
    done
}
# blocks COLUMN FILE: the counts in the same form, a library's by caller beside them.
blocks() {
    awk -v column="$1" '$1 ~ /^ffff8/ { print "hypervisor", $1, column, $2; next }
        $1 ~ /^ffffffff/ { print $3 == "guest" ? "guest" : "kernel", $1, column, $2; next }
        NF == 3 && $1 ~ /\.so/ { print "by", $1, column, $2, $3; next }
        NF == 5 { print $4, $5, column, $2; next }
        { print "elsewhere", $1, column, $2 }' "$2"
}
echo "instructions of a micro-guest's creation, thousands: alone, beside the others, the difference; places, then functions"
{ symbols; blocks 1 "$counts.2"; blocks 2 "$counts.5"; } | sort -k1,1 -k2,2 -s |
    awk 'NF == 3 { if ($1 != place) { place = $1 } name = $3; next }
        $1 == "by" { n = "(" $2 " for " $5 ")"; sum[n, $3] += $4; names[n] = 1; next }
        { if ($1 != place) { place = $1; name = "?" } n = $1 ":" name; sum[n, $3] += $4; names[n] = 1
            sum[$1, $3] += $4; names[$1] = 1; sum["all", $3] += $4; names["all"] = 1 }
        END { for (n in names) printf "%d %10.1f %10.1f %10.1f  %s\n", n !~ /[:(]/ ? 0 : 1, sum[n, 1] / 1e3,
            sum[n, 2] / 1e3, (sum[n, 2] - sum[n, 1]) / 1e3, n }' |
    sort -k1,1n -k4,4rn | cut -d ' ' -f 2- | head -n "${LINES_MOST:-70}"
