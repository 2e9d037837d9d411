#!/bin/sh
# SPDX-License-Identifier: MIT
# Theory: every command of wirt with --json, on a Linux guest that does what it is asked, by its name and by its id. What
# is printed goes to the log as it is, where the host's parser reads it. Then what is seen only with a whole guest: a
# restart under a new name, autostart, a core file that holds what the guest knows, and an audit under traffic.
. /files/lib

# json NAME WORDS COMMAND...: it succeeds, prints JSON in which, blanks aside, these words stand, and no more than that.
json() {
    local name=$1 words=$2
    shift 2
    if ! "$@" --json >/run/check.out 2>/run/check.err; then bad "$name" "exit $? of: $*"; cat /run/check.err; else
        printf 'JSON %s %s\n' "$name" "$(tr -d '\n' </run/check.out)"
        [ -s /run/check.err ] && bad "$name" "it says besides: $(head -n 2 /run/check.err)" && return
        tr -d ' \n' </run/check.out | grep -qF -- "$words" && ok "$name" && return
        bad "$name" "no $words in: $(head -c 300 /run/check.out)"
    fi
}
# type_in NAME TEXT: as a user types it on the guest's console.
type_in() { (printf '\n%s\n' "$2"; sleep 4) | timeout 20 wirt console -R "$1" >/run/console.out 2>&1; }

image v.img 16; image w.img 4
linux v 128 1/2 disk:xvda,ip:10.0.7.51/24,serve,watch,beat:2 "$(disk v.img xvda) $(nic 51)" '<on_reboot>restart</on_reboot>'
json version '"hypervisor":' wirt version
json info '"domains":1' wirt info
json help '"name":"create"' wirt help
json help-of '"name":"dump"' wirt help dump
json dry-run '"name":"v"' wirt create -n /run/xml/v.xml
json define '"name":"v"' wirt define /run/xml/v.xml
json autostart '"autostart":true' wirt autostart v
json autostart-off '"autostart":false' wirt autostart -d v
json list-all '"state":"defined"' wirt list --all
json start '"id":1' wirt start v
check ready says v 180 'WIRT-GUEST v ready'
json list '"name":"v"' wirt list
json list-names '["Domain-0","v"]' wirt list --names
json dominfo '"state":' wirt dominfo v
json dominfo-id '"name":"v"' wirt dominfo 1
json dominfo-xml '<name>v</name>' wirt dominfo --xml 1
json vcpu-list '"vcpu":0' wirt vcpu-list
json vcpu-pin '"affinity":"0"' wirt vcpu-pin 1 0 0
json vcpu-set '"vcpus":2' wirt vcpu-set 1 2
check cpus-2 says v 60 'now cpus=2'
json vcpu-set-back '"vcpus":1' wirt vcpu-set v 1
check cpus-1 says v 60 'now cpus=1'
json sched-set '"weight":300' wirt sched 1 --weight 300
json sched '"cap":0' wirt sched
json mem-max '"max_memory_kib":147456' wirt mem-max 1 144M
json mem-set '"memory_kib":98304' wirt mem-set 1 96
check balloon wait_for 60 has_memory v -le 98400
json attach-disk '"target":"xvdb"' wirt attach-disk 1 "$images/w.img" xvdb
json detach-disk '"target":"xvdb"' wirt detach-disk 1 xvdb
json attach-nic '"index":1' wirt attach-nic 1 xenbr0
json detach-nic '"index":1' wirt detach-nic 1 1
json sysrq '"name":"v"' wirt sysrq 1 h
check sysrq-seen says v 20 'sysrq: HELP'
json pause '"id":1' wirt pause v
json unpause '"id":1' wirt unpause 1
json console '"tty":"/dev/pts' wirt console 1
json log 'WIRT-GUESTvready' wirt log 1
json store-write '"value":"1"' wirt store write /x/y 1
json store-read '"value":"1"' wirt store read /x/y
json store-ls '"path":' wirt store ls /x
json store-chmod '"permissions":' wirt store chmod /x/y n0 r1
json store-watch '"path":"/x"' wirt store watch -n 1 /x
json store-rm '"path":"/x"' wirt store rm /x
json debug-keys '"text":' wirt debug-keys h
json dmesg '"text":' wirt dmesg
is_wirt && json audit '"faults":0' wirt audit

# A core file: the page behind the address of linux_banner, as the guest itself names it, holds its /proc/version.
json dump '"file":"/run/v.core"' wirt dump 1 /run/v.core
type_in v 'echo banner $(grep " linux_banner$" /proc/kallsyms) end; echo version $(cat /proc/version) end'
check banner says v 60 '^version Linux.* end'
banner=$((0x$(wirt log v | sed -n 's/^banner \([0-9a-f]*\) .*/\1/p' | tail -n 1)))
version=$(wirt log v | sed -n 's/^version \(Linux.*\) end.*/\1/p' | tail -n 1)
number() { echo $((0x$(od -An -j "$1" -N "$2" -t "x$2" /run/v.core | tr -d ' '))); }
at=$(od -An -v -j "$(number 32 8)" -N $((56 * $(number 56 2))) -t u4 -w56 /run/v.core |
    awk -v high=$((banner >> 32 & 0xffffffff)) -v low=$((banner & 0xffffffff)) '
        $1 == 1 && $6 == high && low >= $5 && low < $5 + $9 { printf "%.0f", $3 + $4 * 4294967296 + low - $5 }')
found=$(dd if=/run/v.core bs=1 skip="${at:-0}" count=${#version} 2>/dev/null)
equal core-holds-banner "$found" "${version:-of the guest}"
rm -f /run/v.core

# A guest that reboots keeps the name that it has been given.
json rename '"name":"u"' wirt rename 1 u
json reboot '"name":"u"' wirt reboot u
is_another() { [ "$(field u id)" -gt 1 ]; }
check restarted wait_for 90 is_another
json list-again '"name":"u"' wirt list
check ready-again says u 180 'WIRT-GUEST v ready'
json dominfo-u '"name":"u"' wirt dominfo u

# Traffic of disk and network, and the audit in the middle of it.
type_in u 'while :; do dd if=/dev/xvda of=/dev/null bs=64k iflag=direct 2>/dev/null; done &'
(while :; do wget -q -O /dev/null http://10.0.7.51/blob; done) &
traffic=$!
for n in 1 2 3 4 5; do
    is_wirt && json "audit-$n" '"faults":0' wirt audit
    sleep 1
done
kill "$traffic"
json shutdown '"name":"u"' wirt shutdown -w u
wait_for 20 is_gone u

# The start of the machine, as wirtd knows it.
micro auto wait
wirt define /run/xml/auto.xml >/dev/null
wirt autostart auto >/dev/null
kill "$(daemon_of wirtd)"
wait_for 10 sh -c '! pidof wirtd'
check wirtd-again wirtd
sleep 3
check not-twice is_gone auto
kill "$(daemon_of wirtd)"
wait_for 10 sh -c '! pidof wirtd'
rm -f /run/wirt/autostarted
check wirtd-at-start wirtd
check autostarted wait_for 30 is_there auto
json destroy '"name":"auto"' wirt destroy auto
json create '"name":"auto"' wirt create /run/xml/auto.xml
json undefine '"name":"v"' wirt undefine v

# Exit codes of the manual, each once.
check_code code-1 1 . wirt dump auto /proc/none/core
check_code code-2 2 'wirt list --help' wirt list --no-such
check_code code-3 3 'no such domain' wirt destroy none
check_code code-4 4 'has it' wirt create /run/xml/auto.xml
linux huge 8192 1 x
check_code code-5 5 MiB wirt create /run/xml/huge.xml
check_code code-7 7 . wirt store watch -n 2 -t 1 /none
check_code code-8 8 . wirt vcpu-set auto 2
kill "$(daemon_of wirtd)"
wait_for 10 sh -c '! pidof wirtd'
check_code code-6 6 wirtd wirt console auto
wirt destroy auto >/dev/null
checks_end
