#!/bin/bash
# SPDX-License-Identifier: MIT
# Theory: spoils one line of a copy of the daemon at a time and sees that the named groups of tests fail. A mutant that
# survives is a hole in the tests. \n in the table is a line's end.
# usage: mutants.sh TREE BUILD [NUMBER]
set -u
tree=$1 build=$2 only=${3:-}
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
killed=0 survived=0 number=0
while IFS=$'\t' read -r file from to groups; do
    case $file in '#'* | '') continue ;; esac
    number=$((number + 1))
    [ -z "$only" ] || [ "$only" = "$number" ] || continue
    rm -rf "$work/tree"
    cp -r "$tree" "$work/tree"
    FROM=${from//\\n/$'\n'} TO=${to//\\n/$'\n'} perl -0pi -e 'BEGIN { $n = 0 } $n += s/\Q$ENV{FROM}\E/$ENV{TO}/; END { exit !$n }' \
        "$work/tree/$file" || { echo "mutant $number: \"$from\" does not stand in $file"; survived=$((survived + 1)); continue; }
    if ! make -s -C "$work/tree" O="$work/o" HOST_SRC="$here/host_sim.c" SAN=-Wl,--wrap=pwrite,--wrap=sendmsg,--wrap=readdir WARN=-w >"$work/log" 2>&1; then
        echo "mutant $number does not compile"
        tail -n 5 "$work/log"
        survived=$((survived + 1))
    elif KILLS=60 STEPS=5000 XENSTORED=$work/o/xenstored timeout 120 "$build/storetest" $groups >"$work/log" 2>&1; then
        echo "mutant $number survived: $file: $from"
        survived=$((survived + 1))
    else killed=$((killed + 1)); fi
done <"$here/mutants.tsv"
echo "$killed passed, $survived failed"
[ "$survived" -eq 0 ]
