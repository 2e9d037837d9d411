# SPDX-License-Identifier: MIT
# Theory: reads "test name value" lines, prints the table for people and writes the same as columns
# into the file `data`: test, native, xen, xen-nospec, wirt, and the ratio of what is added to native,
# wirt over xen and wirt over xen-nospec. A dash stands for what was not measured.
{ value[$1, $2] = $3 }

function get(test, name) { return (test, name) in value ? value[test, name] : "-" }

function added(test, name, over,    n) {
    n = get(test, "native")
    if (n == "-" || get(test, name) == "-" || get(test, over) == "-" || get(test, over) == n) return "-"
    return sprintf("%.2f", (get(test, name) - n) / (get(test, over) - n))
}

function show(test,    w) {
    printf "%-20s %14s %14s %14s %14s %9s %9s\n", test, get(test, "native"), get(test, "xen"),
        get(test, "xen-nospec"), get(test, "wirt"), added(test, "wirt", "xen"), added(test, "wirt", "xen-nospec")
    print test, get(test, "native"), get(test, "xen"), get(test, "xen-nospec"), get(test, "wirt"),
        added(test, "wirt", "xen"), added(test, "wirt", "xen-nospec") >data
}

END {
    print "# SPDX-License-Identifier: MIT" >data
    print "# Made by `make bench`. Instructions per operation in a PV dom0 with one vCPU (QEMU icount)." >data
    print "# The last two columns: what Wirt adds to native over what Xen adds." >data
    print "test native xen xen-nospec wirt added/xen added/nospec" >data
    printf "%-20s %14s %14s %14s %14s %9s %9s\n", "instructions", "native", "xen", "xen-nospec", "wirt", "of xen's", "of nospec"
    count = split("getppid clock_gettime pagefault_4096 fork_exit_wait fork_exit_wait_16MB fork_exec_static " \
        "fork_exec_true pipe_pingpong pipe_self mmap64_map mmap64_touch mmap64_unmap mprotect_256pg_x2 " \
        "signal_self kernel_to_init", tests, " ")
    for (i = 1; i <= count; i++) show(tests[i])
    x = get("wall_poweroff", "xen"); w = get("wall_poweroff", "wirt")
    print "\nwall time on 2 CPUs, median        xen       wirt      ratio"
    split("wall_init wall_poweroff", walls, " ")
    for (i = 1; i <= 2; i++) {
        x = get(walls[i], "xen"); w = get(walls[i], "wirt")
        ratio = x == "-" || w == "-" ? "-" : sprintf("%.2f", w / x)
        printf "%-28s %10s %10s %10s\n", i == 1 ? "GRUB to init, s" : "GRUB to power-off, s", x, w, ratio
        print "# " walls[i], "xen", x, "wirt", w, "ratio", ratio >data
    }
}
