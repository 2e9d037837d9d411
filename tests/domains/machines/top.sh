#!/bin/sh
# SPDX-License-Identifier: MIT
# Theory: wirt top over guests that do something. Its JSON goes to the log, where the host's parser reads it; what it
# says of a busy guest, a paused one, disks and cards is held against what the guests were told to do. The screen is
# drawn for terminals of each kind that dom0 knows, and the line is given back as it was when a signal ends it.
. /files/lib

# top NAME WORDS: two samples, of which the JSON holds these words, blanks aside.
top() {
    if ! wirt top --json -d 3 -n 1 >/run/top.out 2>/run/top.err; then bad "$1" "exit $?"; cat /run/top.err; return; fi
    printf 'JSON %s %s\n' "$1" "$(cat /run/top.out)"
    grep -qF -- "$2" /run/top.out && ok "$1" || bad "$1" "no $2 in: $(head -c 400 /run/top.out)"
}
# of NAME KEY: that number of the domain, its fraction cut off.
of() { tr '{' '\n' </run/top.out | grep "\"name\":\"$1\",\"state\"" | head -n 1 | sed "s/.*\"$2\":\([0-9]*\).*/\1/"; }
at_least() { [ "$(of "$1" "$2")" -ge "$3" ] && return; echo "$1 has $2 $(of "$1" "$2"), not $3"; return 1; }
at_most() { [ "$(of "$1" "$2")" -le "$3" ] && return; echo "$1 has $2 $(of "$1" "$2"), more than $3"; return 1; }
# screen TERM: wirt top draws there, on the console that this log is of, until a signal ends it; the line is as it was.
screen() {
    stty -g </dev/hvc0 >/run/line.before
    TERM=$1 COLUMNS=80 LINES=24 timeout -s TERM 6 wirt top </dev/hvc0 >/dev/hvc0 2>/run/screen.err || { cat /run/screen.err; return 1; }
    echo >/dev/hvc0 # what was drawn has no end of line
    stty -g </dev/hvc0 | cmp -s - /run/line.before || { echo "the line is another"; return 1; }
}

echo 'nobody:x:65534:65534::/:/bin/sh' >>/etc/passwd
check_code no-permission 6 'only root may ask the hypervisor' su -s /bin/sh nobody -c 'wirt top --batch -n 1'
ip link set lo up
kill "$(daemon_of wirtd)"; sleep 1
wirtd --metrics 127.0.0.1:9177
top alone '"has_statistics":true'
check dom0-runs at_least Domain-0 hypercalls 1
check dom0-ports at_least Domain-0 ports 5
image v.img 16
linux v 96 1 disk:xvda,spin "$(disk v.img xvda) $(nic 51)"
check create wirt create /run/xml/v.xml
check ready says v 180 'WIRT-GUEST v spinning'
sleep 5
top busy '"kind":"PV"'
check busy-cpu at_least v cpu_percent 20
check busy-ports at_least v ports 4
check busy-grants at_least v grants 8
check busy-uptime at_least v uptime_seconds 5
check pause wirt pause v
top paused '"state":"paused"'
check paused-cpu at_most v cpu_percent 2
check unpause wirt unpause v
check batch sh -c 'wirt top --batch -d 0.5 -n 2 | grep -c "^ *1 v " | grep -qx 2'
# What memory is used as: the guest's by use is what it has, page tables by level are what their counters say.
used() { tr '{' '\n' </run/top.out | sed -n "s/\"owner\":\"$1\",\"use\":\"$2\",\"kib\":\([0-9]*\).*/\1/p" | awk '{ s += $1 } END { print s + 0 }'; }
if is_wirt; then
    top uses '"memory_use":['
    equal uses-tables "$(used guests table_4)" "$(wget -q -O - http://127.0.0.1:9177/metrics | awk '/^wirt_domain_page_table_bytes[{].*name="v",level="4"[}]/ { print $2 / 1024 }')"
    [ "$(used guests writable)" -gt 40000 ] && [ "$(used guests '[a-z_0-9]*')" -ge "$(of v memory_kib)" ] && ok uses-guests ||
        bad uses-guests "$(grep -o '"memory_use".*' /run/top.out)"
    [ "$(used hypervisor none)" -ge "$(sed 's/.*"tables_kib":\([0-9]*\).*/\1/' /run/top.out)" ] && ok uses-wirt || bad uses-wirt "$(used hypervisor none)"
fi
for term in linux vt220 xterm screen-256color; do check "screen-$term" screen $term; done
check destroy wirt destroy v
top gone '"domains":[{"id":0,'
check gone-row sh -c '! grep -q "\"name\":\"v\"" /run/top.out'
TERM=nonsense wirt top </dev/null >/run/no.out 2>&1 && bad no-terminal "no error" || ok no-terminal
checks_end
