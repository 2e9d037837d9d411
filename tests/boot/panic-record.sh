#!/bin/bash
# SPDX-License-Identifier: MIT
# Theory: a panic of the hypervisor is told twice: on the wire when it happens, and by the next boot, which finds it in
# memory after the warm reset. Boots in each way, makes Wirt panic by its key C (debug builds have it), lets it reboot,
# and compares every name in the backtraces with the symbols of wirt.elf. With noreboot it must stand still instead.
# usage: panic-record.sh [direct|bios|uefi|noreboot]...   (default: all four)
. "$(dirname "$0")/../lib/common.sh"

hv=$(hypervisor_path wirt)
elf=${hv%.gz}.elf
logs=$build/boot/logs
passed=0 failed=0
mkdir -p "$logs"

verdict() { # WHAT WHY: an empty WHY is a pass
    if [ -z "$2" ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        printf 'FAIL  panic record: %s: %s\n' "$1" "$2"
    fi
}

# names FILE: every "[address] name+0xoffset" of a log must be what wirt.elf says; at least three must be in the panic's
# own words and three in the record of it.
names() {
    nm "$elf" | awk -v log_file="$1" '
        # 64 bits are too many for awk: the upper half is the same everywhere and the lower one is enough.
        function low(hex) { return strtonum_hex(substr(hex, length(hex) - 7)) }
        function strtonum_hex(h,    i, v) {
            for (i = 1; i <= length(h); i++)
                v = v * 16 + index("0123456789abcdef", substr(h, i, 1)) - 1
            return v
        }
        $2 ~ /^[tTwW]$/ { at[$3 " " low($1)] = 1 }
        END {
            while ((getline line < log_file) > 0)
                if (match(line, /\[ffff[0-9a-f]+\] [a-zA-Z_0-9.]+\+0x[0-9a-f]+/)) {
                    split(substr(line, RSTART + 1, RLENGTH - 1), part, /\] |\+0x/)
                    seen[line ~ /\(WIRT\) \| \(WIRT\)/]++
                    if (!((part[2] " " (low(part[1]) - strtonum_hex(part[3]))) in at)) {
                        print "wrong name in: " line
                        exit
                    }
                }
            if (seen[0] < 3 || seen[1] < 3)
                print seen[0] + 0 " names of functions in the panic, " seen[1] + 0 " in its record"
        }'
}

# boot LOG FIRMWARE MACHINE MEMORY OPTION... : until the key C was pressed, and on as OPTIONs say.
boot() {
    local to=$1 firmware=$2 machine=$3 memory=$4
    shift 4
    "$top/tests/boot/run-vm" --hv "$hv" --firmware "$firmware" --machine "$machine" --memory "$memory" --smp 2 \
        --timeout 240 --linux "console=hvc0 quiet wirt.job=shell" --log "$to" \
        --send 'Domain 0 starts=>\x01\x01\x01' --send 'goes to Wirt=>C' "$@"
}

# What a panic says after the stamp, a regex a line; the record has the same, behind a mark. The wire alone has the
# last lines of the log again.
words=("Wirt panic on CPU [0-9]+: key C was pressed" 'while running (d0v[0-9]|idle)'
    'rip [0-9a-f]{4}:ffff8180[0-9a-f]{8} rflags [0-9a-f]{8}' 'rsp [0-9a-f]{4}:ffff[0-9a-f]{12} cr2 [0-9a-f]{16} cr3 [0-9a-f]{13}000'
    'rax [0-9a-f]{16} rbx [0-9a-f]{16} rcx' 'r13 [0-9a-f]{16} r14 [0-9a-f]{16} r15' 'Backtrace:'
    '  \[ffff8180[0-9a-f]*\] panic_on_purpose\+0x' '  \[ffff8180[0-9a-f]*\] console_work\+0x')

expect() { # LOG REGEX: leaves in why what is missing
    [ -n "$why" ] || grep -qE "$2" "$1" || why="no line matches: $2"
}

panic_test() { # FIRMWARE MACHINE MEMORY
    local log=$logs/panic-$1-$2-$3.log what="$1 on $2 with $3 MiB" word
    why=
    boot "$log" "$@" --hv-options "console=com1 com1=115200,8n1 loglvl=info" --reboot go \
        --until "End of the previous run's record" --fail 'no such key|previous run.*damaged' >/dev/null ||
        why="no record after the reboot; see $log"
    for word in "${words[@]}"; do
        expect "$log" "^ *[0-9.]+ \| \(WIRT\) $word"
        expect "$log" "^ *[0-9.]+ \| \(WIRT\) \| \(WIRT\) $word"
    done
    expect "$log" '^ *[0-9.]+ \| \(WIRT\) Reboot in [0-9]+ seconds'
    expect "$log" '\(WIRT\) The previous run of Wirt died'
    expect "$log" '\(WIRT\) \| \(WIRT\) Domain 0 starts'
    [ -n "$why" ] || sed -n '/| --- the log.s last lines ---/,/| ---$/p' "$log" | grep -q "(WIRT) 'C' pressed" ||
        why="the panic did not print the log's last lines"
    [ -n "$why" ] || [ "$(grep -cE '\| \(WIRT\) Wirt [0-9]' "$log")" -ge 3 ] || why="no second boot's banner"
    [ -n "$why" ] || why=$(names "$log")
    verdict "$what" "$why"
}

# The machine must stand still after the last line, whatever time passes.
halt_test() {
    local log=$logs/panic-noreboot.log result
    why=
    result=$(boot "$log" direct pc 512 --hv-options "console=com1 com1=115200,8n1 noreboot" --reboot stop \
        --until 'Halted, as noreboot asks' --fail 'no such key' --linger 6) || why="it did not say that it halts; see $log"
    [ -n "$why" ] || [[ $result == *halted=yes* ]] || why="the machine did not stay: $result"
    expect "$log" '\(WIRT\) Wirt panic on CPU [0-9]+: key C was pressed'
    [ -n "$why" ] || ! grep -q 'Reboot in' "$log" || why="it says that it reboots"
    verdict "noreboot" "$why"
}

# The table of names was made from the first link: the second one must not have moved anything.
table=$(dirname "$elf")/symbols.S
if [ -e "$table" ]; then
    why=
    sh "$top/hypervisor/core/symbols.sh" "$elf" | cmp -s - "$table" || why="$table is not what $elf has"
    verdict "table of names" "$why"
fi
[ $# -gt 0 ] || set -- direct bios uefi noreboot
for firmware in "$@"; do
    case $firmware in
    direct) panic_test direct pc 512 ;;
    bios) panic_test bios pc 1024 ;;
    uefi) panic_test uefi q35 1024 ;;
    noreboot) halt_test ;;
    *) die "unknown firmware '$firmware': use direct, bios, uefi or noreboot" ;;
    esac
done
printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ]
