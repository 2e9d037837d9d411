#!/bin/bash
# SPDX-License-Identifier: MIT
# Theory: Wirt's units in a Debian dom0 whose init is systemd: they start, come back when they are killed, stop and start
# when asked, and the guests do not notice.
. /run/files/lib

beats() { wirt log good | grep -c 'good beat'; }
goes_on() {
    local before
    before=$(beats)
    more() { [ "$(beats)" -gt $((before + 1)) ]; }
    wait_for 60 more && ok "$1" || bad "$1" 'the guest stands still'
}
is_active() { [ "$(systemctl is-active "$1")" = active ]; }
main_of() { systemctl show -p MainPID --value "$1"; }
# again NAME UNIT OLD: the unit runs, as another process.
again() {
    came() { is_active "$2" && [ "$(main_of "$2")" != "$3" ] && [ "$(main_of "$2")" != 0 ]; }
    wait_for 60 came x "$2" "$3" && ok "$1" || { bad "$1" "$2 is $(systemctl is-active "$2")"; systemctl status "$2" --no-pager -l; }
}
equal init "$(cat /proc/1/comm)" systemd
check verify systemd-analyze verify --man=no /usr/lib/systemd/system/xenstored.service /usr/lib/systemd/system/wirtd.service
for unit in xenstored wirtd; do
    check "$unit-active" wait_for 60 is_active "$unit"
    systemctl status "$unit" --no-pager -l | head -n 12
done
check store wait_for 10 xenstore-read /local/domain/0/name
check list wirt list
linux good 96 1 beat:1
check create create /run/xml/good.xml
check ready says good 180 'WIRT-GUEST good ready'
for unit in wirtd xenstored; do
    old=$(main_of "$unit")
    kill -9 "$old"
    again "$unit-killed" "$unit" "$old"
    goes_on "guest-after-$unit-killed"
    old=$(main_of "$unit")
    check "$unit-restart" systemctl restart "$unit"
    again "$unit-restarted" "$unit" "$old"
    goes_on "guest-after-$unit-restarted"
done
check log-kept said good 'WIRT-GUEST good up'
micro later wait
check create-after create /run/xml/later.xml
check stop-wirtd systemctl stop wirtd
equal guests-stay "$(wirt list --names | tr '\n' ' ')" 'Domain-0 good later '
check start-wirtd systemctl start wirtd
goes_on guest-after-stop
# The start of the machine, again: what is to start with it does.
check destroy wirt destroy later
wirt define /run/xml/later.xml
check autostart wirt autostart later
systemctl stop wirtd
rm -f /run/wirt/autostarted
systemctl start wirtd
check autostarted wait_for 60 is_there later
check shutdown wirt shutdown -w good
wirt destroy later
equal no-failed "$(systemctl list-units --failed --plain --no-legend xenstored.service wirtd.service)" ''
journalctl -u wirtd -u xenstored --no-pager -n 30 | cut -c 1-160
equal no-complaint "$(journalctl -u wirtd -u xenstored --no-pager | grep -c 'no lock')" 0
checks_end
