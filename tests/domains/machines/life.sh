#!/bin/sh
# SPDX-License-Identifier: MIT
# Theory: the life of Linux guests: made, listed, asked, changed, ended; 1, 2 and 4 vCPUs, 96 MiB to 1 GiB.
. /files/lib

check info wirt info
check version wirt version
wirt info

# One vCPU, everything that can be asked of a domain.
image one.img 16
linux one 128 1 disk:xvda,watch,beat:2 "$(disk one.img xvda) $(nic 1)"
warm
accounts >/run/accounts.before
check create create /run/xml/one.xml
check first-line says one 90 'WIRT-GUEST one up .*cpus=1 '
check disk does one 60 'disk xvda'
check list sh -c 'wirt list | grep -E "one +(running|blocked|[0-9])"'
check dominfo wirt dominfo one
check dominfo-xml sh -c 'wirt dominfo one --xml | grep -q "<name>one</name>"'
check vcpu-list wirt vcpu-list one
check_code name-taken 4 one create /run/xml/one.xml
check_code not-there 3 two wirt pause two
audit audit-running
check pause wirt pause one
check paused is_state one paused
wirt log one >/run/before; sleep 5; wirt log one >/run/after
check stands-still cmp /run/before /run/after
check unpause wirt unpause one
lines=$(wirt log one | grep -c beat)
check goes-on wait_for 20 sh -c "[ \$(wirt log one | grep -c beat) -gt $((lines + 1)) ]"
check rename wirt rename one uno
check renamed is_there uno
check rename-back wirt rename uno one
check sysrq wirt sysrq one h
check sysrq-seen says one 20 'sysrq: HELP'
check dump wirt dump one /run/one.core
check core sh -c '[ $(stat -c %s /run/one.core) -ge 134217728 ] && head -c 4 /run/one.core | grep -q ELF'
rm -f /run/one.core
check mem-set wirt mem-set one 80M
check balloon-down wait_for 60 has_memory one -le 82944
check mem-set-back wirt mem-set one 128M
check balloon-up wait_for 60 has_memory one -ge 129000
printf 'echo typed-$((6*7))\n' >/run/typed
(cat /run/typed; sleep 4) | timeout 20 wirt console one >/run/console.out 2>&1
check console-input says one 10 'typed-42'
check console-replay grep -q 'WIRT-GUEST one up' /run/console.out
check shutdown wirt shutdown -w one
check gone wait_for 20 is_gone one
check log-stays said one 'end poweroff'
accounts_same one-leaves-nothing /run/accounts.before

# Two vCPUs of four, then three, then one; reboot makes a new domain of the name.
linux many 192 2/4 watch
check create-2 create /run/xml/many.xml
check up-2 says many 90 'WIRT-GUEST many up .*cpus=2 '
check ready-2 says many 60 'WIRT-GUEST many ready'
check vcpu-set-4 wirt vcpu-set many 4
check cpus-4 says many 60 'now cpus=4'
check vcpu-set-1 wirt vcpu-set many 1
check cpus-1 says many 60 'now cpus=1'
check vcpu-pin wirt vcpu-pin many 0 0
check sched wirt sched many --weight 512 --cap 80
check sched-read sh -c 'wirt sched many | grep -q 512'
old=$(field many id)
check reboot wirt reboot many
is_another() { [ "$(field many id)" -gt "$old" ]; }
check rebooted wait_for 60 is_another
check destroy wirt destroy many
check gone-2 is_gone many

# Small and large, and four vCPUs at once; both at the same time.
# Debian's cloud kernel reaches up to 62 MiB: less than that is refused with the reason.
linux tiny 48 1 beat:1
check_code create-48M 8 "outside of the guest's memory of 48 MiB" create /run/xml/tiny.xml
linux small 96 1 beat:1
linux large 1024 4 beat:1
check create-96M create /run/xml/small.xml
check create-1G create /run/xml/large.xml
check up-96M says small 120 'WIRT-GUEST small ready'
check up-1G says large 120 'WIRT-GUEST large ready .*cpus=4 '
audit audit-two
check shutdown-96M wirt shutdown -w small
check destroy-1G wirt destroy large
check gone-both sh -c '[ "$(wirt list --names | wc -l)" = 1 ]'
accounts_same nothing-left /run/accounts.before
audit audit-end
checks_end
