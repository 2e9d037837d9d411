#!/bin/sh
# SPDX-License-Identifier: MIT
# Theory: every command of wirt once, on a micro-guest that waits, with what it says and with --json; what is wrong
# with a name, a device or a number is said. What guests do with it is the other machines' business.
. /files/lib

# says_json NAME WORDS COMMAND...: it succeeds and prints JSON in which, blanks aside, these words stand.
says_json() {
    local name=$1 words=$2
    shift 2
    if ! "$@" --json >/run/check.out 2>&1; then bad "$name" "exit $? of: $*"; else
        tr -d ' \n' </run/check.out | grep -qF -- "$words" && ok "$name" && return
        bad "$name" "no $words in: $(head -c 200 /run/check.out)"
    fi
}
gone=/local/domain/none

check_code version 0 '^hypervisor: (Wirt|Xen) 4\.17' wirt version
says_json version-json '"hypervisor":' wirt version
check_code info 0 '^Free ' wirt info
says_json info-json '"domains":1' wirt info
is_assisted=$(wirt info --json | tr -d ' \n' | grep -c '"is_assisted":true')
check_code info-assist 0 '^Hardware assist +(none: the CPU has|AMD SVM with nested paging)' wirt info
kind=xenpvh linux v 64 1 ''
[ "$is_assisted" = 1 ] || # as on most emulated CPUs
    check_code pvh-refused 8 'needs hardware assist.*here is none: the CPU has .*see wirt info' wirt create /run/xml/v.xml
micro m wait
check_code dry-run 0 'good; it describes the domain m$' wirt create -n /run/xml/m.xml
check_code define 0 'domain m: defined' wirt define /run/xml/m.xml
check_code list-all 0 '^ *- +m +defined' wirt list --all
check_code hint-defined 3 'it is defined, and does not run: wirt start m' wirt pause m
check_code start-paused 0 'domain m \(1\): created, paused' wirt start -p m
check_code list-paused 0 '^ *1 +m +paused' wirt list
check_code name-taken 4 'take the name: domain 1 has it' wirt create /run/xml/m.xml
check_code unpause 0 'goes on' wirt unpause m
check comes says m 20 'WIRT-MICRO m up'
equal names "$(wirt list --names | tr '\n' ' ')" 'Domain-0 m '
says_json list-json '"name":"m"' wirt list
check_code guess 3 'did you mean m\?' wirt dominfo n
check_code dominfo 0 '^State +(blocked|running)' wirt dominfo 1
says_json dominfo-json '"defined":true' wirt dominfo m
wirt dominfo m --xml >/run/m1.xml
check_code dominfo-xml 0 "^<domain type='xen' id='1'>" cat /run/m1.xml
check dominfo-xml-reads wirt create -n /run/m1.xml
check_code vcpu-list 0 '^ *1 +m +0 ' wirt vcpu-list
check_code vcpu-pin 0 'may run on 0$' wirt vcpu-pin m all 0
check_code vcpu-pin-none 8 'none of the CPUs' wirt vcpu-pin m 0 63
says_json vcpu-list-json '"affinity":"0"' wirt vcpu-list m
check_code vcpu-set-many 8 'it can have 1 to 1' wirt vcpu-set m 2
check_code sched 0 '^ *1 +m +512 +50' wirt sched m -W 512 -C 50
says_json sched-json '"weight":512,"cap":50' wirt sched m
check_code sched-all 0 '^ *0 +Domain-0 ' wirt sched
check_code mem-set 0 'asked to balloon to 3\.0 MiB' wirt mem-set m 3
says_json mem-max '"max_memory_kib":8192' wirt mem-max m 8M
says_json rename '"name":"n"' wirt rename m n
check_code dominfo-renamed 0 '<name>n</name>' wirt dominfo n --xml
check_code pause 0 'paused' wirt pause n
check_code list-paused-again 0 '^ *1 +n +paused' wirt list
check unpause-again wirt unpause 1
check_code sysrq 0 'SysRq h pressed' wirt sysrq n h
check_code shutdown-deaf 8 'does not listen' wirt shutdown n
check_code attach-nic 0 'network interface 0 plugged in' wirt attach-nic n xenbr0 --mac 00:16:3e:00:00:99
check_code attach-nic-taken 4 'taken' wirt attach-nic n xenbr0 --mac 00:16:3e:00:00:99
check_code detach-nic-mac 0 'unplugged' wirt detach-nic n 00:16:3e:00:00:99
check_code detach-nic-none 3 'no such card' wirt detach-nic n 0
check_code attach-nic-nowhere 3 'no bridge nobridge' wirt attach-nic n nobridge
image x.img 4
says_json attach-disk '"target":"xvdb"' wirt attach-disk n "$images/x.img" xvdb
check_code attach-disk-taken 4 'busy|already' wirt attach-disk n "$images/x.img" xvdc
check_code detach-disk 0 'xvdb is unplugged' wirt detach-disk n xvdb
check_code detach-disk-none 3 'no such disk' wirt detach-disk n xvdb
disk x.img xvdd '<readonly/>' >/run/disk.xml
check attach-disk-file wirt attach-disk n /run/disk.xml
check_code store-ls 0 '51760 = ""' wirt store ls /local/domain/1/device/vbd
check detach-disk-file wirt detach-disk n xvdd
check_code store-write 0 '^/x/y = "1"' wirt store write /x/y 1
check store-chmod wirt store chmod /x/y n0 r1
check_code store-permissions 0 '^y = "1"  n0,r1' wirt store ls -p /x
says_json store-read '"value":"1"' wirt store read /x/y
check_code store-none 3 'there is no such key' wirt store read $gone
check store-watch-first timeout 20 wirt store watch -n 1 /x
(sleep 1 && wirt store write /x/z 2 && wirt store rm /x) >/dev/null &
equal store-watch "$(wirt store watch -n 3 -t 20 /x | tr '\n' ' ')" '/x /x/z /x '
check_code store-watch-late 7 'nothing more' wirt store watch -n 2 -t 1 $gone
check_code console 0 'WIRT-MICRO m up' sh -c 'sleep 2 | timeout 6 wirt console n || [ $? -eq 143 ]'
says_json console-tty '"tty":"/dev/pts' wirt console n
says_json log-json 'WIRT-MICRO' wirt log n
check dump wirt dump n /run/core
equal core "$(head -c 4 /run/core | tail -c 3)" ELF
check_code debug-keys 0 'pressed' wirt debug-keys h
check_code dmesg 0 '.' wirt dmesg
is_wirt && says_json audit '"faults":0' wirt audit
check_code destroy 0 'domain n \(1\): destroyed' wirt destroy n
check_code destroy-again 3 'no such domain' wirt destroy n
check_code log-of-the-dead 0 'WIRT-MICRO m up' wirt log n
check_code autostart 0 'starts with the machine' wirt autostart m
check_code undefine 0 'domain m: undefined' wirt undefine m
equal nothing-left "$(wirt list --all --names)" Domain-0
checks_end
