#!/bin/bash
# SPDX-License-Identifier: MIT
# Theory: where the instructions of a domain's creation go, from the start of the command to the guest's first line of
# user space, as domains.sh measures it: in the hypervisor, in dom0's kernel, in the guest's, in programs. What the
# guest's kernel executes no hypervisor and no tool can save. usage: where-create.sh [wirt|xen], after `make
# bench-domains`, which builds the stopwatch
. "$(dirname "$0")/../lib/common.sh"

hv=${1:-wirt}
out=$build/bench
watch=$out/stopwatch
[ -e "$watch" ] || die "no stopwatch: make bench-domains builds it"
gcc -shared -fPIC -O2 -Wall -Werror -Wno-unused-parameter -o "$out/where.so" "$top/tests/bench/where.c" \
    -Wl,--unresolved-symbols=ignore-all || die "the plugin does not compile"
address() { nm "$watch" | awk -v name="$1" '$3 == name { print "0x" $1 }'; }
counts=$out/where-create.$hv
store=wirt tool=wirt
[ "$hv" = wirt ] || { store=debian tool=xl; }
rm -f "$counts"
"$top/tests/boot/run-dom0" --hv "$hv" --store "$store" --toolstack "$tool" --smp 1 --memory 2560 --dom0 512 \
    --cpu qemu64,+svm,+npt,+invtsc --icount on --timeout 1800 --linux "wirt.parts=linux" --file "$watch" \
    --qemu "-plugin $out/where.so,skip=1,from=$(address stopwatch_begin),to=$(address stopwatch_end),out=$counts" \
    --log "$counts.log" "$top/tests/bench/domains-dom0.sh" >&2
[ -s "$counts" ] || die "nothing was counted; see $counts.log"
echo "instructions of a creation up to the guest's user space, millions:"
awk '{ kernel = $1 ~ /^ffffffff/; place = $1 ~ /^ffff8/ ? "hypervisor" : kernel ? $3 "'\''s kernel" : "programs"
        sum[place] += $2; all += $2
        if (kernel && $3 == "guest") hot[substr($1, 1, 13) "000"] += $2 }
    END { for (p in sum) printf "%12.1f  %s\n", sum[p] / 1e6, p; printf "%12.1f  all\n", all / 1e6
        for (p in hot) printf "%12.1f  of these in 4 KiB of the guest'\''s kernel at %s\n", hot[p] / 1e6, p }' "$counts" |
    sort -rn | head -n 9
