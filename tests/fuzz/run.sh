#!/bin/bash
# SPDX-License-Identifier: MIT
# Theory: each target first replays its corpus, then looks for new inputs for some seconds. A target passes when
# neither crashes and when it has run often enough to mean something.
# usage: run.sh BUILD SECONDS TARGET...
set -u
build=$1 seconds=$2
shift 2
passed=0 failed=0
for target in "$@"; do
    work=$build/work-$target words=()
    [ -f "$target.dict" ] && words=(-dict="$target.dict")
    mkdir -p "$work"
    if ! "$build/fuzz-$target" -runs=0 "corpus/$target" >"$build/$target.log" 2>&1; then
        failed=$((failed + 1))
        tail -n 30 "$build/$target.log"
    else passed=$((passed + 1)); fi
    if "$build/fuzz-$target" -max_total_time="$seconds" -seed="${SEED_BASE:-0}" -max_len=4096 -timeout=10 "${words[@]}" -artifact_prefix="$build/$target-" \
        -print_final_stats=1 "$work" "corpus/$target" >"$build/$target.log" 2>&1; then
        runs=$(sed -n 's/^stat::number_of_executed_units: //p' "$build/$target.log")
        echo "fuzz $target: ${runs:-0} inputs in $seconds s, $(ls "corpus/$target" | wc -l) kept ones"
        if [ "${runs:-0}" -gt 200 ]; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
    else
        failed=$((failed + 1))
        grep -v '^#' "$build/$target.log" | tail -n 40
    fi
done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
