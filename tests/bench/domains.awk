# SPDX-License-Identifier: MIT
# Reads "name side value" lines of domains.sh and prints the table: what, two figures, their ratio, its limit, the
# verdict.
{ v[$1, $2] = $3 }
function ratio(what, a, b, limit, at_least,   r, is_met) {
    if (a == "" || b + 0 == 0) { printf "%-54s not measured\n", what; return }
    r = a / b
    if (limit == "-") { printf "%-54s %12.0f %12.0f %8.4f\n", what, a, b, r; return }
    is_met = at_least ? r >= limit : r <= limit
    printf "%-54s %12.0f %12.0f %8.4f  %s %s %s\n", what, a, b, r, at_least ? ">=" : "<=", limit, is_met ? "reached" : "missed"
}
function wirt_xen(what, name, limit) { ratio(what, v[name, "wirt"], v[name, "xen"], limit) }
function xen_wirt(what, name, limit) { ratio(what, v[name, "xen"], v[name, "wirt"], limit, 1) }
END {
    print "# SPDX-License-Identifier: MIT"
    print "# Made by `make bench-domains`. Nanoseconds under icount: instructions, and idle waits for timers."
    printf "%-54s %12s %12s %8s\n", "# what: a, b", "a", "b", "a/b"
    wirt_xen("stock kernel, create to user space: Wirt, Xen", "linux_total_ns", 0.75)
    wirt_xen("the tool's processor time in that: Wirt, Xen", "linux_cpu_ns", 0.3)
    wirt_xen("a paused create of it, daemons included: Wirt, Xen", "linux_tool_ns", 0.3)
    wirt_xen("the same at once after a destroy: Wirt, Xen", "linux_at_once_ns", "-")
    ratio("micro-guest to its first line: Wirt, Xen's Linux", v["micro_total_ns", "wirt"], v["linux_total_ns", "xen"], 0.05)
    wirt_xen("micro-guest to its first line: Wirt, Xen", "micro_total_ns", 0.05)
    ratio("the same beside " v["many_count", "wirt"] " others, and alone: Wirt", v["many_total_ns", "wirt"],
          v["micro_total_ns", "wirt"], 1.2)
    ratio("wirt top with " v["top_rows", "wirt"] " domains, in a second: Wirt, limit", v["top_ns", "wirt"], 1e7, 1)
    xen_wirt("event round trip: Xen, Wirt", "event_ns", 1.0)
    xen_wirt("disk, time for 48 MiB: Xen, Wirt", "disk_ns", 1.0)
    xen_wirt("network, time for 24 MiB: Xen, Wirt", "net_ns", 1.0)
    wirt_xen("PVH, stock kernel, create to user space: Wirt, Xen", "pvh_total_ns", 0.85)
    wirt_xen("the exits until then: Wirt, Xen", "boot_exits", 0.7)
    wirt_xen("hypercall that does nothing: Wirt, Xen", "exit_call", 0.5)
    wirt_xen("CPUID: Wirt, Xen", "exit_cpuid", 0.5)
    wirt_xen("MSR, read: Wirt, Xen", "exit_rdmsr", 0.5)
    wirt_xen("port, read: Wirt, Xen", "exit_port", 0.5)
    wirt_xen("x2APIC, IPI to nobody: Wirt, Xen", "exit_icr_nobody", 0.5)
    wirt_xen("x2APIC, IPI to itself and its end: Wirt, Xen", "exit_icr_self", 0.5)
    wirt_xen("nested page fault (APIC page): Wirt, Xen", "exit_nested", 0.5)
    wirt_xen("timer due to handler, out of HLT: Wirt, Xen", "exit_wake", 0.5)
    if (("hypervisor_kib", "wirt") in v)
        ratio("KiB beside its own, a 32 MiB domain: Wirt, limit", v["hypervisor_kib", "wirt"] + v["daemons_kib", "wirt"], 160, 1)
    printf "# hypervisor and daemons, KiB a domain: Wirt %s and %s, Xen %s and %s\n", v["hypervisor_kib", "wirt"],
        v["daemons_kib", "wirt"], v["hypervisor_kib", "xen"], v["daemons_kib", "xen"]
}
