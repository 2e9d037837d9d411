#!/bin/sh
# SPDX-License-Identifier: MIT
# Theory: what programs are told, held against what was done. Events: a guest that lives, is paused, plugged and ended, one
# that crashes and one that is restarted, as one stream over a death of wirtd without a number missing. Metrics: two
# scrapes, of which no counter fell; what they say of a guest is what the guest is.
. /files/lib

scrape() { # scrape FILE
    wget -q -O "$1" http://127.0.0.1:9177/metrics && [ -s "$1" ]
}
# fell FILE FILE: counters that are lower in the second.
fell() {
    awk '/^# TYPE/ { counts[$3] = ($4 == "counter" || $4 == "histogram"); next } /^#/ { next }
        { name = $1; sub(/{.*/, "", name); sub(/_(bucket|sum|count)$/, "", name); value = $NF; key = $0; sub(/ [^ ]*$/, "", key) }
        !counts[name] { next }
        NR == FNR { before[key] = value; n++; next } key in before { both++; if (value + 0 < before[key] + 0) print key, before[key], value }
        END { if (n < 50 || both < 50) print "only " both + 0 " of " n + 0 " counters" }' "$1" "$2"
}
# told DOMAIN WORDS: the stream has these events of it, in this order.
told() {
    sed -n "s/.*\"event\":\"\([a-z-]*\)\".*\"name\":\"$1\".*/\1/p" /run/stream | grep -vE '^(device|memory|console|vcpus)' | tr '\n' ' ' >/run/told
    [ "$(cat /run/told)" = "$2 " ] && return
    echo "of $1: $(cat /run/told), not $2"
    return 1
}
again() { wirtd --foreground --metrics 127.0.0.1:9177 >>/run/wirtd.log 2>&1 & wait_for 20 test -S /run/wirt/metrics.sock; }
in_stream() { grep -qE "$1" /run/stream; }

ip link set lo up
kill "$(daemon_of wirtd)"
sleep 1
check wirtd again
wirt events --since 0 >/run/stream 2>/run/stream.err &
reader=$!
check_code refused 2 'no address of the loopback' wirtd --metrics 10.0.7.1:9177

micro lives wait
check create create /run/xml/lives.xml
check up says lives 20 'WIRT-MICRO lives up'
check started wait_for 20 in_stream '"started".*"lives"'
check scrape scrape /run/one
check memory sh -c '. /files/lib; [ "$(sed -n "s/^wirt_domain_memory_bytes{.*name=\"lives\"} //p" /run/one)" -ge 4000000 ]'
check calls sh -c 'grep -q "^wirt_domain_hypercalls_total{domid=\"[0-9]*\",name=\"lives\",call=\"console_io\|^wirt_domain_hypercalls_total{domid=\"[0-9]*\",name=\"lives\",call=\"sched_op" /run/one'
if is_wirt; then check tables sh -c '[ "$(sed -n "s/^wirt_domain_page_table_bytes{.*name=\"lives\",level=\"4\"} //p" /run/one)" -ge 4096 ]'; fi
check pause wirt pause lives
check paused wait_for 20 in_stream '"paused".*"lives"'
sleep 2 # who asks within a second gets the text of before
scrape /run/paused
check paused-state grep -q '^wirt_domain_state{.*name="lives",state="paused",reason=""} 1' /run/paused
check unpause wirt unpause lives
check unpaused wait_for 20 in_stream '"unpaused".*"lives"'
check rename wirt rename lives stays
check renamed wait_for 20 in_stream '"renamed".*"stays".*"was":"lives"'

micro falls panic '<on_crash>destroy</on_crash>'
check create-falls create /run/xml/falls.xml
check falls-gone wait_for 30 in_stream '"destroyed".*"falls"'
check falls-reason in_stream '"crashed".*"falls".*"reason":"crash"'
check falls-policy in_stream '"policy".*"falls".*"setting":"on_crash","action":"destroy"'
micro off end '<on_poweroff>destroy</on_poweroff>'
check create-off create /run/xml/off.xml
check off-gone wait_for 30 in_stream '"destroyed".*"off"'
check off-reason in_stream '"shutdown".*"off".*"reason":"poweroff"'

# wirtd is killed; the stream says so, and goes on.
kill -9 "$(daemon_of wirtd)"
rm -f /run/wirt/metrics.sock /run/wirt/wirtd.sock
sleep 1
check wirtd-again again
check lost wait_for 20 in_stream '"wirtd-lost"'
check back wait_for 20 in_stream '"present".*"stays"'
check destroy wirt destroy stays
check destroyed wait_for 20 in_stream '"destroyed".*"stays"'
check scrape-again scrape /run/two
sleep 2
check scrape-third scrape /run/three
equal none-fell "$(fell /run/two /run/three)" ''
check gone-row sh -c '! grep -q "name=\"stays\"" /run/three'
check cost sh -c 'grep "^wirt_wirtd_expositions_total\|^wirt_wirtd_exposition_seconds_total" /run/three'
grep '^wirt_wirtd_exposition' /run/three
kill "$reader"
check told-falls told falls 'created started crashed policy destroyed'
check told-off told off 'created started shutdown policy destroyed'
equal numbers "$(sed -n 's/^{"seq":\([0-9]*\),.*/\1/p' /run/stream | awk 'NR > 1 && $1 != last + 1 { print last, $1 } { last = $1 }')" ''
equal gaps "$(grep -c '"gap"' /run/stream)" 0
audit audit
sed 's/^/stream: /' /run/stream
checks_end
