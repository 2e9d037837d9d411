#!/bin/bash
# SPDX-License-Identifier: MIT
# Theory: what stands outside of the daemon: `wirt events` as it is installed, over a daemon that says events when it is
# told to and that is killed meanwhile; the metrics before a parser that is not ours; the guide and the dashboard held
# against the table of metrics. Environment: WIRT the command, O the built tests, TOP the tree.
set -u
export LC_ALL=C
work=$(mktemp -d /tmp/outside.XXXXXX)
passed=0 failed=0
good() { passed=$((passed + 1)); }
bad() {
    failed=$((failed + 1))
    printf 'FAIL %s\n' "$*"
}
# is NAME JQ FILE: all lines of FILE as one array have this.
is() { if jq -es "$2" "$3" >/dev/null 2>&1; then good; else bad "$1: $(head -c 600 "$3" | tr '\n' ' ')"; fi; }
same() { if [ "$2" = "$3" ]; then good; else bad "$1: '$2' is not '$3'"; fi; }

mkdir -p "$work/run"
export WIRTD_SOCKET=$work/run/sock WIRTD_CONSOLE=$work/none WIRTD_RESTART=$work/none
mkfifo "$work/in"
start() {
    rm -f "$WIRTD_SOCKET"
    "$O/events" serve "$work/run" <"$work/in" >>"$work/daemon.log" 2>&1 &
    server=$!
    exec 9>"$work/in"
    for _ in $(seq 200); do [ -S "$WIRTD_SOCKET" ] && break || sleep 0.05; done
}
stop() {
    exec 9>&-
    wait "$server"
}
trap 'exec 9>&-; rm -rf "$work"' EXIT
events() { timeout 60 "$WIRT" events "$@" 9>&-; }

same 'no daemon' "$("$WIRT" events 2>&1 >/dev/null; echo $?)" "$(printf 'wirt: wirtd: connect: no answer on %s: No such file or directory (is wirtd running? try systemctl start wirtd)\n6' "$WIRTD_SOCKET")"
start
printf 'abc' >&9
sleep 1
events --once >"$work/all"
same 'exit of once' $? 0
is 'once' 'length == 4 and .[0].event == "wirtd-started" and ([.[].seq] == [1, 2, 3, 4]) and .[3].domid == 9' "$work/all"
is 'heads' 'all(.[]; (.time | test("^20[0-9-]+T[0-9:]+[.][0-9]{3}Z$")) and (keys_unsorted[0:3] == ["seq", "time", "event"]))' "$work/all"
events --since 2 -n 2 >"$work/some"
is 'since' '[.[].seq] == [3, 4]' "$work/some"
events --json -s 5m -o >"$work/some"
is 'since a time' '[.[].seq] == [1, 2, 3, 4]' "$work/some"
events --domain many --once >"$work/some"
is 'by name' 'length == 4' "$work/some"
events --domain 8 --once >"$work/some"
is 'by another number' 'length == 1' "$work/some"
events --text --since 3 -n 1 >"$work/text"
grep -qE '^20[0-9-]+ [0-9:]+  many \(9\)  console  bytes=[0-9]+$' "$work/text" && good || bad "text: $(cat "$work/text")"
events --since 99 -n 5 >"$work/some"
is 'a number that was never there' '.[0].event == "gap" and .[0].count == null and [.[1:][].seq] == [1, 2, 3, 4]' "$work/some"
same 'too late' "$(events --since 4 --timeout 1 2>&1; echo $?)" "$(printf 'wirt: events: wait for them: there were no more in time\n7')"
for wrong in '--since x' '--since -1' '--since 1y' '--count 0' '--timeout x'; do
    # shellcheck disable=SC2086
    "$WIRT" events $wrong >/dev/null 2>&1
    same "$wrong" $? 2
done
# It dies, events go on in its next life, and the reader misses none.
events -n 6 9>&- >"$work/stream" &
reader=$!
sleep 1
printf 'd' >&9
sleep 1
stop
sleep 1
start
sleep 1
printf 'efg' >&9
wait "$reader"
same 'exit of count' $? 0
is 'over a death' '[.[].event] == ["console", "wirtd-lost", "wirtd-started", "console", "console", "console"]' "$work/stream"
is 'all numbers' '[.[].seq | numbers] | .[0] == 5 and . == [range(5; 5 + length)]' "$work/stream"
# More than are kept while nobody read: how many are missing is said.
printf 'A' >&9
for _ in $(seq 60); do [ "$(events --once | tail -n 1 | jq .seq)" -ge 8000 ] && break || sleep 0.5; done
events --since 3 --once >"$work/gap"
is 'gap' '.[0].event == "gap" and .[0].count > 100 and .[1].seq == .[0].count + 4 and .[0].seq == null' "$work/gap"
# Its journal is lost with it.
events --since 7000 9>&- >"$work/lost" &
reader=$!
sleep 2
stop
rm -f "$work/run/events"
start
sleep 3
kill "$reader"
is 'another journal' '[.[].event] | index("wirtd-lost") as $at | .[$at:$at + 3] == ["wirtd-lost", "gap", "wirtd-started"]' "$work/lost"
is 'of an unknown count' '[.[] | select(.event == "gap")] | last | has("count") and .count == null' "$work/lost"
stop

mkdir -p "$work/metrics"
"$O/metrics" print "$work/metrics" >"$work/print.log" || bad "print: $(cat "$work/print.log")"
line=$(/usr/bin/python3 "$TOP/tests/daemon/parse.py" "$work/metrics" 2>&1 | tee /dev/stderr | tail -n 1)
case $line in
'parse: '*' passed, '*' failed')
    passed=$((passed + $(echo "$line" | cut -d ' ' -f 2)))
    failed=$((failed + $(echo "$line" | cut -d ' ' -f 4)))
    ;;
*) bad "the parser: $line" ;;
esac
same 'guide and dashboard' "$("$TOP/docs/metrics.sh" "$O/metrics" --check 2>&1)" ''
# What the manual says of events is what there are.
same 'events and manual' "$(awk '/^\.SH/ { inside = /EVENTS/ } inside && last == ".TP" { gsub(/\\/, ""); sub(/^\.B /, ""); print } { last = $0 }' \
    "$TOP/dom0-tools/man/wirt.1" | tr ' ' '\n' | sort -u | tr '\n' ' ')" \
    "$(grep -ohE '(event_say\([^"]*|say_size\([^"]*|say_end\([^"]*|say\(s, |: )"[a-z-]+"' "$TOP"/dom0-tools/daemon/change.c "$TOP"/dom0-tools/daemon/event.c "$TOP"/dom0-tools/daemon/main.c "$TOP"/dom0-tools/cli/events.c |
        grep -oE '"[a-z-]+"' | tr -d '"' | grep -vxE 'null|unknown' | sort -u | tr '\n' ' ')"
echo "outside: $passed passed, $failed failed"
[ "$failed" -eq 0 ]
