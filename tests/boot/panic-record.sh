#!/bin/bash
# SPDX-License-Identifier: MIT
# Theory: a panic of the hypervisor is told twice: on the wire when it happens, and by the next boot, which finds it in
# memory after the warm reset. Boots in each way, makes Wirt panic by its key C (debug builds have it), lets it reboot,
# and compares every name in the backtraces with the symbols of wirt.elf.
# usage: panic-record.sh [direct|bios|uefi]...   (default: all three)
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

# names FILE: every "[address] name+0xoffset" of a log must be what wirt.elf says; at least five must be there.
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
                    seen++
                    if (!((part[2] " " (low(part[1]) - strtonum_hex(part[3]))) in at)) {
                        print "wrong name in: " line
                        exit
                    }
                }
            if (seen < 5)
                print "only " seen + 0 " names of functions in the log"
        }'
}

panic_test() { # FIRMWARE MACHINE MEMORY
    local log=$logs/panic-$1-$2-$3.log what="$1 on $2 with $3 MiB" why= line
    "$top/tests/boot/run-vm" --hv "$hv" --firmware "$1" --machine "$2" --memory "$3" --smp 2 --timeout 240 --reboot go \
        --hv-options "console=com1 com1=115200,8n1 loglvl=info" --linux "console=hvc0 quiet wirt.job=shell" --log "$log" \
        --send 'Domain 0 starts=>\x01\x01\x01' --send 'goes to Wirt=>C' \
        --until "End of the previous run's record" --fail 'no such key|previous run.*damaged' >/dev/null ||
        why="no record after the reboot; see $log"
    for line in 'Wirt panic on CPU [0-9]+: key C was pressed' '\[ffff[0-9a-f]*\] panic_on_purpose\+' \
        '\[ffff[0-9a-f]*\] console_work\+' 'rip [0-9a-f]{4}:ffff[0-9a-f]{12} rflags' 'Reboot in [0-9]+ seconds' 'The previous run of Wirt died' \
        '\| .*Wirt panic on CPU [0-9]+: key C was pressed' '\| .*\] panic_on_purpose\+' '\| .*Domain 0 starts'; do
        [ -n "$why" ] || grep -qE "$line" "$log" || why="no line matches: $line"
    done
    [ -n "$why" ] || why=$(names "$log")
    verdict "$what" "$why"
}

# The table of names was made from the first link: the second one must not have moved anything.
table=$(dirname "$elf")/symbols.S
if [ -e "$table" ]; then
    why=
    sh "$top/hypervisor/core/symbols.sh" "$elf" | cmp -s - "$table" || why="$table is not what $elf has"
    verdict "table of names" "$why"
fi
[ $# -gt 0 ] || set -- direct bios uefi
for firmware in "$@"; do
    case $firmware in
    direct) panic_test direct pc 512 ;;
    bios) panic_test bios pc 1024 ;;
    uefi) panic_test uefi q35 1024 ;;
    *) die "unknown firmware '$firmware': use direct, bios or uefi" ;;
    esac
done
printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ]
