# SPDX-License-Identifier: MIT
# Theory: how a log is judged. Sourced by run-matrix; every function looks at $log and the row's columns
# and leaves the first thing wrong in `why`, or nothing. It never looks at anything but the log and the
# one line that run-vm prints.

# kernel_of KIND: the file in kernel_file.
kernel_of() {
    case $1 in
    debian) kernel_file=$cache/linux/vmlinuz ;;
    elf) kernel_file=$build/kernels/vmlinux ;;
    *) kernel_file=$build/kernels/bzImage-$1 ;;
    esac
    [ "$1" = debian ] || "$top/tests/lib/repack.sh" "$1"
}

# number_of LOG-LINE KEY.
init_value() { grep -o 'WIRT-INIT uptime=.*' "$log" | head -n 1 | tr ' ' '\n' | sed -n "s/^$1=//p"; }

expect_line() {
    [ -n "$why" ] || grep -qE "$1" "$log" || why="no line matches: $1"
}

expect_no_line() {
    local found
    [ -z "$why" ] || return 0
    found=$(grep -E "$1" "$log" | head -n 1)
    [ -z "$found" ] || why="a line that must not be there: ${found:0:160}"
}

# The CPUs that dom0 must see: all, unless an option takes some away.
expect_cpus() {
    local want=$smp limit
    limit=$(printf '%s\n' "$asked" | sed -n 's/.*\(dom0_max_vcpus\|maxcpus\)=\([0-9]*\).*/\2/p')
    [ -n "$limit" ] && [ "$hv" != none ] && want=$limit
    [ -n "$why" ] || [ "$(init_value cpus)" = "$want" ] || why="dom0 has $(init_value cpus) CPUs, not $want"
}

# Of 1 GiB and more, dom0 gets 75 % unless dom0_mem says how much; the kernel itself takes its share.
expect_memory() {
    local want=$((memory * 1024 * 75 / 100)) have most=$((memory * 1024))
    case $asked in *dom0_mem=512M*) want=$((512 * 1024 * 60 / 100)) most=$((512 * 1024)) ;; esac
    have=$(init_value memory_kib)
    [ -n "$why" ] || { [ "$have" -ge "$want" ] && [ "$have" -le "$most" ]; } ||
        why="dom0 has $have KiB of memory, expected $want to $most"
}

# Guest and host clocks must agree to 0.5 % and half a second (a line may be late on a busy host).
expect_no_drift() {
    [ -n "$why" ] || why=$(sed -n 's/^ *\([0-9.]*\) | WIRT-TIME uptime=\([0-9.]*\) wall=\([0-9]*\).*/\1 \2 \3/p' "$log" |
        awk 'NR == 1 { h = $1; g = $2; w = $3 } { dh = $1 - h; dg = $2 - g; dw = $3 - w }
            END { if (NR < 3) { print "too few WIRT-TIME lines: " NR + 0; exit }
                d = dg - dh; if (d < 0) d = -d; r = dw - dg; if (r < 0) r = -r
                if (d > 0.5 + dh * 0.005) printf "the clock drifts: host %.2f s, dom0 %.2f s\n", dh, dg
                else if (r > 1.5) printf "dom0 disagrees with itself: uptime %.2f s, wall clock %d s\n", dg, dw }')
}

# ACPI, and the interrupts that the row's devices must have used: init counts the lines of /proc/interrupts.
expect_devices() {
    expect_line 'ACPI: Interpreter enabled'
    expect_no_line 'ACPI BIOS Error|ACPI: Interpreter disabled|request_irq failed|Flags mismatch irq'
    [ "$firmware" = uefi ] && expect_line 'efi: EFI v[0-9]'
    [ "$hv" = none ] && return
    expect_line 'WIRT-IRQ .*ioapic=[1-9]'
    case $disk,$nic in
    *virtio*) expect_line 'WIRT-IRQ .*msi-x=[1-9]' ;;
    ahci,*) expect_line 'WIRT-IRQ .*msi=[1-9]' ;;
    esac
}

judge_machine() {
    local ended job
    why=
    ended=$(field_of "$1" end)
    expect_line "${banner:-WIRT-INIT}"
    expect_line 'WIRT-INIT uptime='
    expect_line "WIRT-INIT .*hypervisor=$kind"
    for job in ${jobs//,/ } dmesg; do
        job=${job%:*}
        if [ -z "$why" ] && grep -qE "WIRT-JOB $job FAILED" "$log"; then
            why=$(grep -oE "WIRT-JOB $job FAILED.*" "$log" | head -n 1)
        fi
        expect_line "WIRT-JOB $job ok"
        [ "$job" = time ] && expect_no_drift
    done
    expect_line "WIRT-END $end"
    expect_cpus
    expect_devices
    [ "$hv" = none ] || expect_memory
    expect_no_line 'WARNING:|BUG:|Call Trace|Oops|panic|WIRT-JOB [a-z]* FAILED'
    [ -n "$why" ] && [ "$ended" = poweroff ] && return
    case $end:$ended in
    poweroff:poweroff | reboot:pattern) ;;
    *) why="the machine ended by '$ended' instead of '$end'${why:+; $why}" ;;
    esac
}
