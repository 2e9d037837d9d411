#!/bin/sh
# SPDX-License-Identifier: MIT
# Theory: wirtd in a dom0, with micro-guests: what a guest printed is there after its death and after the daemon's; ends
# are followed by what the configuration says, and a loop of restarts is slowed down; hostile guests are named and cost
# little; terminals for other tools; what an idle domain costs in memory. Run by tests/boot/run-dom0.
. /files/lib

again() { wirtd --foreground >>/run/wirtd.log 2>&1 & wait_for 20 test -S /run/wirt/wirtd.sock; }
kill "$(daemon_of wirtd)"
sleep 1
again
pid() { daemon_of wirtd; }
ticks() { awk '{ print $14 + $15 }' "/proc/$(pid)/stat"; }
logged() { grep -q "$1" /run/wirtd.log; }
check_code second-refused 6 'another wirtd is running' wirtd --foreground

micro lives wait
check create-lives create /run/xml/lives.xml
check prints says lives 10 'WIRT-MICRO lives up'

# Ends: each as the configuration says.
micro off end '<on_poweroff>destroy</on_poweroff>'
check create-off create /run/xml/off.xml
check off-gone wait_for 20 is_gone off
check off-said said off 'WIRT-MICRO off up'
check off-noted said off 'has shut down: on_poweroff says destroy'
micro kept panic '<on_crash>preserve</on_crash>'
check create-kept create /run/xml/kept.xml
check kept-crashed wait_for 20 is_state kept crashed
check kept-away wirt destroy kept
micro loops reboot '<on_reboot>restart</on_reboot>'
check create-loops create /run/xml/loops.xml
sleep 14
starts=$(wirt log loops | grep -c 'WIRT-MICRO loops up')
[ "$starts" -ge 3 ] && [ "$starts" -le 6 ] && ok loop-slowed || bad loop-slowed "$starts starts in 14 s"
check loop-named logged 'quick end number'
kill -9 "$(pid)"
rm -f /run/wirt/wirtd.sock
sleep 1
again
check loop-counted sh -c "sleep 12; grep 'quick end number' /run/wirtd.log | tail -n 1 | grep -qv 'number 2 '"
check lives-kept said lives 'WIRT-MICRO lives up'
before=$(wirt log loops | grep -c 'WIRT-MICRO loops up')
check loop-goes-on wait_for 40 sh -c ". /files/lib; [ \$(wirt log loops | grep -c 'loops up') -gt $before ]"
wait_for 20 is_gone loops
check_code loop-listed 0 '^ *- +loops +restarting' wirt list
check_code loop-ended 0 'domain loops: it is not started again' wirt destroy loops
check_code loop-ended-again 3 'domain loops: look it up: no such domain' wirt destroy loops
check loop-over sh -c '! ls /run/wirt/restart/loops'

# Hostile ones: named, and what they cost.
micro flood flood
micro rubbish rubbish
check create-flood create /run/xml/flood.xml
sleep 2
from=$(ticks)
sleep 10
used=$(($(ticks) - from))
echo "flood: $used of 1000 ticks"
[ "$used" -lt 300 ] && ok flood-cheap || bad flood-cheap "$used of 1000 ticks"
# On a slow machine a guest may not reach the rate; then there is nothing to name.
logged 'flood.*floods it' && echo "flood: held back and named"
check flood-away wirt destroy flood
check create-rubbish create /run/xml/rubbish.xml
sleep 2
check rubbish-named logged 'rubbish.*indexes'
is_there rubbish && wirt destroy rubbish

# A terminal for programs that know no socket.
id=$(wirt console --json lives | number_of id)
tty=$(xenstore-read "/local/domain/$id/console/tty")
check tty test -c "$tty"
check tty-replays sh -c "timeout 3 dd if=$tty bs=64 count=1 2>/dev/null | grep -q 'WIRT-MICRO lives'"

# A domain that nobody collects: its builder and the daemon are killed, the next daemon cleans up.
micro orphan wait
check create-orphan create /run/xml/orphan.xml
kill -9 "$(pid)"
wirt destroy orphan
sleep 1
rm -f /run/wirt/wirtd.sock
again
check orphan-said said orphan 'WIRT-MICRO orphan up'

# Memory of idle domains: what dom0 has less, over the number of them.
for i in 1 2 3 4 5 6 7 8 9 10; do micro "idle$i" wait; done
sync
echo 3 >/proc/sys/vm/drop_caches
free_before=$(free_kib)
have=$(sed -n 's/MemAvailable: *\([0-9]*\).*/\1/p' /proc/meminfo) rss=$(sed -n 's/VmRSS:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$(pid)/status")
for i in 1 2 3 4 5 6 7 8 9 10; do wirt create "/run/xml/idle$i.xml" >/dev/null 2>&1 || bad "create-idle$i"; done
sleep 2
echo 3 >/proc/sys/vm/drop_caches
have_now=$(sed -n 's/MemAvailable: *\([0-9]*\).*/\1/p' /proc/meminfo) rss_now=$(sed -n 's/VmRSS:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$(pid)/status")
echo "memory: dom0 $(((have - have_now) / 10)) KiB, wirtd $(((rss_now - rss) * 10 / 100)) KiB (now $rss_now), hypervisor $(((free_before - $(free_kib)) / 10)) KiB with the domain's own 4096, for each of 10 idle domains"
ls -ls /run/wirt/console | head -5
for i in 1 2 3 4 5 6 7 8 9 10; do wirt destroy "idle$i" >/dev/null 2>&1 || bad "destroy-idle$i"; done
check lives-away wirt destroy lives
check lives-log said lives 'WIRT-MICRO lives up'
sed 's/^/wirtd.log: /' /run/wirtd.log
checks_end
