#!/bin/bash
# SPDX-License-Identifier: MIT
# Theory: runs the groups and then Debian's clients, and adds up what each says in its last line.
# usage: run.sh BUILD GROUP...
set -u
build=$1
shift
passed=0 failed=0
add() {
    local line
    line=$(grep -oE '[0-9]+ passed, [0-9]+ failed' "$1" | tail -n 1)
    [ -n "$line" ] || line="0 passed, 1 failed"
    set -- $line
    passed=$((passed + $1)) failed=$((failed + $3))
}
out=$(mktemp)
trap 'rm -f "$out"' EXIT
# Under sanitizers a start takes longer than a life: fewer kills, and the many without.
KILLS=$((${KILLS:-200} / 8)) STRIDE=7 XENSTORED=$build/san/xenstored "$build/storetest" "$@" 2>&1 | tee "$out" | grep -v ' passed, '
add "$out"
FAILMALLOC=$build/failmalloc.so XENSTORED=$build/fast/xenstored "$build/storetest" crash steps bursts scale memory 2>&1 | tee "$out" | grep -v ' passed, '
add "$out"
./clients.sh "$build/san/xenstored" 2>&1 | tee "$out" | grep -v ' passed, '
add "$out"
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
