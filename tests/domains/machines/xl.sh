#!/bin/bash
# SPDX-License-Identifier: MIT
# Theory: Debian's own tools, as packaged, in a Debian dom0: everything that a user of xl does with a guest.
. /run/files/lib
log=/var/log/xen/guest-demo.log

says_xl() { wait_for "$1" grep -qE "$2" "$log" || { tail -n 12 "$log"; return 1; }; }
state_xl() { [ "$(xl list "$1" | awk 'NR == 2 { gsub("-", "", $5); print $5 }')" = "$2" ]; }
mkdir -p /run/images /var/lib/wirt
mount -t tmpfs images /var/lib/wirt
truncate -s 16M /var/lib/wirt/demo.img
sed 's/,ping:/,watch,beat:2,ping:/; s/^vcpus.*/vcpus = 2/' /wirt-guests/demo.cfg >/run/demo.cfg

check info xl info
xl info
check_list() { xl list -l >/run/list.json && grep -q '"Domain-0"' /run/list.json; }
check list-long check_list
check create xl create /run/demo.cfg
check up says_xl 120 'WIRT-GUEST demo up .*cpus=2 '
check disk says_xl 60 'disk xvda ok'
check net says_xl 60 'ping 10.0.7.1 ok'
check list xl list demo
xl list -l >/run/list.json
check list-long-guest grep -q '"demo"' /run/list.json
check vcpu-list xl vcpu-list demo
check uptime xl uptime demo
(sleep 3; printf 'echo typed-$((6*7))\n'; sleep 4) | timeout 20 script -qc 'xl console demo' /dev/null >/run/console.out 2>&1
check console says_xl 10 'typed-42'
check pause xl pause demo
check paused state_xl demo p
check unpause xl unpause demo
check goes-on says_xl 30 beat
check mem-set xl mem-set demo 96
check balloon says_xl 60 'now .*memory_kib=[5-7][0-9]{4} '
check dmesg xl dmesg
check rename xl rename demo demo-two
check rename-back xl rename demo-two demo
check shutdown xl shutdown -w demo
check gone wait_for 20 bash -c '! xl list demo'
check create-again xl create /run/demo.cfg
check up-again says_xl 120 'WIRT-GUEST demo up .*cpus=2 '
check destroy xl destroy demo
check gone-again wait_for 20 bash -c '! xl list demo'
checks_end
