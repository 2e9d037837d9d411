#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-only
# Theory: whether headers that are compiled ahead (cc) leave a kernel what it is. Objects of a built kernel are compiled
# once more, with and without; they are the same when each function has the same instructions and refers to the same
# symbols, whatever their order and registers, and each section but the code has the same size. Another order is the
# compiler's: it breaks ties by numbers that it counts through all declarations. Ends with "N passed, N failed".
# usage: same.sh FLAVOUR [HOW-MANY]: so many at random (SEED_BASE), or all.
. "$(dirname "$0")/series.sh"

flavour=${1:-server} obj=$out/obj/${1:-server} passed=0 failed=0
[ -e "$obj/headers/headers.h.gch" ] || die "$flavour was not built with compiled headers: make -C guest-patches $flavour first"
work=$(mktemp -d "${TMPDIR:-/tmp}/wirt-same.XXXXXX")
trap 'rm -rf "$work"' EXIT

# contents OBJECT: function and mnemonic or symbol, a line each, in no order; then section and size. Numbers that the
# compiler gives to static variables and clones are left out, and what only fills space.
contents() {
    objdump -dr --no-show-raw-insn "$1" | sed -E 's/[-+]0x[0-9a-f]+$//' | awk '
        /^[0-9a-f]+ <.*>:$/ { name = $2; sub(/\.[0-9]+>:$/, ">:", name); next }
        /R_X86_64/ { sub(/\.[0-9]+$/, "", $3); print name, $2, $3; next }
        /^ +[0-9a-f]+:/ && !/nop|data16|xchg +%ax,%ax/ { print name, $2 }' | sort
    size -A "$1" | awk '$2 ~ /^[0-9]+$/ && $1 !~ /^(Total|\.comment|\.orc.*|.*text.*)$/ { print $1, $2 }' | sort
}

# again OBJECT COMMAND OUTPUT: the command that made OBJECT, into OUTPUT.
again() { (cd "$obj" && eval "${2/ -o $1 / -o $3 }") 2>"$work/log"; }

cd "$obj" || die "no $obj"
mapfile -t objects < <(grep -rlF headers/names.h --include='.*.o.cmd' . | sort |
    shuf -n "${2:-99999}" --random-source=<(yes "${SEED_BASE:-wirt}"))
[ ${#objects[@]} -gt 0 ] || die "no object of $flavour took up compiled headers"
for file in "${objects[@]}"; do
    object=$(sed -n '1s/^cmd_\([^ ]*\) := .*/\1/p' "$file")
    command=$(sed -n '1s/^[^=]*:= \([^;]*\).*/\1/p' "$file" | sed "s|-Wp,-MMD,[^ ]*||")
    if again "$object" "$command" "$work/plain.o" && WIRT_HEADERS=$obj/headers again "$object" "$command" "$work/ahead.o" &&
        contents "$work/plain.o" >"$work/plain" && contents "$work/ahead.o" >"$work/ahead" && cmp -s "$work/plain" "$work/ahead"; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAIL  $object: $(diff "$work/plain" "$work/ahead" | grep -m 3 '^[<>]' | paste -s -d ';') $(tail -n 1 "$work/log")"
    fi
done
printf '%d passed, %d failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ]
