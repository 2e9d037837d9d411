# SPDX-License-Identifier: MIT
# Theory: reads one run's log and prints "test name value" for each test of the meter, in instructions,
# and kernel_to_init from the kernel's own clock, of which one nanosecond is one instruction.
/ MB dom0 / && /median=/ {
    for (i = 1; i <= NF; i++)
        if ($i == "dom0") test = $(i + 1)
        else if ($i ~ /^median=/) print test, name, substr($i, 8)
}
/WIRT-INIT uptime=/ {
    sub(/.*uptime=/, "")
    printf "kernel_to_init %s %.0f\n", name, $1 * 1e9
}
