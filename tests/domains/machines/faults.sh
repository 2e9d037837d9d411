#!/bin/sh
# SPDX-License-Identifier: MIT
# Theory: guests that misbehave, daemons that are killed, creates that cannot be. One well-behaved guest runs through
# all of it and must not notice.
. /files/lib

beats() { wirt log good | grep -c 'WIRT-GUEST good beat'; }
# goes_on NAME: the good guest makes progress.
goes_on() {
    local before
    before=$(beats)
    wait_for 30 sh -c ". /files/lib; [ \$(wirt log good | grep -c 'good beat') -gt $((before + 1)) ]" &&
        ok "$1" || bad "$1" "the good guest stands still"
}
warm
image good.img 8
linux good 96 1 disk:xvda,ip:10.0.7.41/24,beat:1 "$(disk good.img xvda) $(nic 41)"
check create create /run/xml/good.xml
check ready says good 120 'WIRT-GUEST good ready'
accounts >/run/accounts.before

# What cannot be made says why, and leaves nothing.
xml nokernel 64 1 x /etc/profile.none
check_code kernel-missing 3 profile.none create /run/xml/nokernel.xml
xml badkernel 64 1 x /bin/busybox
check_code kernel-bad 8 busybox create /run/xml/badkernel.xml
free=$(free_kib)
linux huge $((free / 1024 + 512)) 1 x
check_code no-memory 5 'MiB' create /run/xml/huge.xml
linux baddisk 64 1 x "$(disk none.img xvda)"
check_code disk-missing 3 none.img create /run/xml/baddisk.xml
linux badmac 64 1 x "$(nic 41)"
check_code mac-taken 4 good create /run/xml/badmac.xml
echo '<domain type="xen"><name>x</name><bogus/></domain>' >/run/xml/bogus.xml
check_code xml-refused 8 'bogus.xml:1' create /run/xml/bogus.xml
accounts_same refused-leave-nothing /run/accounts.before

# A create that is killed at any moment leaves all or nothing, and the next command says which.
linux killed 64 1 beat:1
for moment in 0.02 0.1 0.3 0.6 1; do
    wirt create /run/xml/killed.xml >/dev/null 2>&1 &
    pid=$!
    sleep "$moment"
    kill -9 "$pid" 2>/dev/null
    wait "$pid" 2>/dev/null
    wirt list >/run/list 2>&1
    is_there killed && wirt destroy killed
done
sleep 1
wirt list
accounts_same killed-creates-leave-nothing /run/accounts.before

# Guests that end badly.
micro panics panic '<on_crash>destroy</on_crash>'
micro stays panic '<on_crash>preserve</on_crash>'
check create-panics create /run/xml/panics.xml
check panics-gone wait_for 30 is_gone panics
check create-stays create /run/xml/stays.xml
check stays-crashed wait_for 30 is_state stays crashed
check stays-away wirt destroy stays
linux kernel 96 1 panic '' '<on_crash>preserve</on_crash>'
check create-kernel create /run/xml/kernel.xml
check kernel-panics says kernel 120 'Kernel panic|sysrq: Trigger a crash'
check kernel-crashed wait_for 30 is_state kernel crashed
check kernel-away wirt destroy kernel
goes_on after-crashes

# Guests that never rest.
for act in spin flood rubbish; do micro "$act" "$act"; check "create-$act" create "/run/xml/$act.xml"; done
sleep 3
goes_on beside-hostile
check dom0-lives timeout 20 wirt list
wirt list
audit audit-hostile
for act in spin flood rubbish; do is_there "$act" && check "destroy-$act" wirt destroy "$act"; done
accounts_same hostile-leave-nothing /run/accounts.before

# Daemons die and come back; guests do not notice.
kill -9 "$(daemon_of wirtd)"
sleep 2
check wirtd-again wirtd
goes_on after-wirtd
check log-kept said good 'WIRT-GUEST good up'
kill -9 "$(daemon_of xenstored)"
sleep 2
check xenstored-again xenstored
check store-answers wait_for 10 xenstore-read /local/domain/0/name
check store-kept sh -c 'xenstore-ls /local/domain | grep -q good'
image more.img 4
check attach-after wirt attach-disk good "$images/more.img" xvdb
check detach-after wirt detach-disk good xvdb
micro later wait
check create-after create /run/xml/later.xml
check destroy-after wirt destroy later
check shutdown wirt shutdown -w good
wait_for 20 is_gone good
audit audit-end
checks_end
