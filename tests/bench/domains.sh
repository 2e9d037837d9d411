#!/bin/bash
# SPDX-License-Identifier: MIT
# Theory: the figures of domains: Xen with xl and Debian's xenstored against Wirt with its own tools, the same dom0
# image, kernel and guests. Times are instructions (QEMU's icount), so they repeat; what is compared is a ratio. Leaves
# docs/PERFORMANCE-domains.dat.
. "$(dirname "$0")/../lib/common.sh"

out=$build/bench
mkdir -p "$out"
watch=$out/stopwatch
if stale "$watch" "$top/tests/bench/stopwatch.c"; then
    gcc -O2 -Wall -Wextra -Werror -static -o "$watch" "$top/tests/bench/stopwatch.c" -lxenevtchn -lxentoolcore \
        -lxentoollog || die "the stopwatch does not compile"
fi

# measure NAME HV STORE TOOL
measure() {
    say "$1: counting, some minutes"
    "$top/tests/boot/run-dom0" --hv "$2" --store "$3" --toolstack "$4" --smp 1 --memory 3072 --dom0 768 \
        --cpu qemu64,+svm,+npt,+invtsc --icount on --timeout 1800 --file "$watch" --log "$out/domains.$1.log" \
        "$top/tests/bench/domains-dom0.sh" >&2
    sed -n "s/.*| DB \([a-z_]*\) \(-\?[0-9]*\).*/\1 $1 \2/p" "$out/domains.$1.log"
}

{
    [ -n "${ONLY_WIRT-}" ] || measure xen xen debian xl
    measure wirt wirt wirt wirt
} >"$out/domains"
awk '{ v[$1, $2] = $3; names[$1] = 1 }
function row(what, a, b, limit, at_least,   r, verdict) {
    if (a == "" || b == "" || b + 0 == 0) { printf "%-52s %14s\n", what, "not measured"; return }
    r = a / b
    verdict = at_least ? (r >= limit) : (r <= limit)
    printf "%-52s %14.0f %14.0f %8.3f  %s %s %s\n", what, a, b, r, at_least ? ">=" : "<=", limit, verdict ? "reached" : "missed"
}
END {
    printf "%-52s %14s %14s %8s\n", "what", "Wirt", "Xen", "ratio"
    row("create to the first line of user space, ns", v["create_total_ns", "wirt"], v["create_total_ns", "xen"], 0.75)
    row("the tool in that, ns of processor", v["create_cpu_ns", "wirt"], v["create_cpu_ns", "xen"], 0.3)
    row("micro-guest to its first line, against the first row", v["micro_total_ns", "wirt"], v["create_total_ns", "xen"], 0.05)
    row("micro-guest with 200 running, against none", v["micro_many_total_ns", "wirt"], v["micro_total_ns", "wirt"], 1.2)
    row("event round trip, Xen over Wirt", v["event_ns", "xen"], v["event_ns", "wirt"], 1.0, 1)
    row("disk throughput, Xen over Wirt (ns)", v["disk_ns", "xen"], v["disk_ns", "wirt"], 1.0, 1)
    row("network throughput, Xen over Wirt (ns)", v["net_ns", "xen"], v["net_ns", "wirt"], 1.0, 1)
    printf "%-52s %14s KiB (Xen %s); at most 160\n", "memory beside its own, a 32 MiB domain", v["overhead_kib", "wirt"], v["overhead_kib", "xen"]
}' "$out/domains" | tee "$top/docs/PERFORMANCE-domains.dat"
