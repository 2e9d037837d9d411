#!/bin/sh
# SPDX-License-Identifier: MIT
# Theory: a xenstored that is stopped (SIGSTOP), before a command and in the middle of one. Each command ends in the
# time that WIRT_WAIT says, names the process that hangs and leaves the whole domain or nothing; wirtd serves consoles
# and its socket meanwhile, and does afterwards what it could not do.
. /files/lib
store=$(daemon_of xenstored)
most=$((2 * ${slower:-1}))
busybox syslogd -O /run/syslog
stop_store() { kill -STOP "$store"; }
go_on() {
    kill -CONT "$store"
    check "$1-answers" wait_for 20 xenstore-read /local/domain/0/name
}
# ends_soon NAME COMMAND...: with exit code 6, in time, and with words that help.
ends_soon() {
    local name=$1 start
    shift
    start=$(seconds)
    export WIRT_WAIT=$most
    check_code "$name" 6 "xenstored does not answer, for [0-9]+ s now: .* waits; process $store .*is stopped.*kill -CONT $store" "$@"
    unset WIRT_WAIT
    [ $(($(seconds) - start)) -le $((6 * most)) ] && ok "$name-time" || bad "$name-time" "$(($(seconds) - start)) s"
}

log_has() { grep -qE "$1" /run/syslog; }

xml talker 4 1 'echo talker' "$kit/micro.elf"
xml quiet 4 1 'wait quiet' "$kit/micro.elf"
image victim.img 1
xml victim 4 1 'wait victim' "$kit/micro.elf" "$(disk victim.img xvda)"
micro ender off
check first-ender wirt create /run/xml/ender.xml # wirtd opens its way to syslogd, and keeps it, with its first word
check first-ender-gone wait_for 20 is_gone ender
warm
check talker create /run/xml/talker.xml
check talker-up says talker 20 'WIRT-MICRO talker up'
accounts >/run/accounts.before

stop_store
ends_soon create wirt create /run/xml/victim.xml
ends_soon destroy wirt destroy talker
ends_soon pause-by-name wirt pause talker
ends_soon store-read wirt store read /local/domain/0/name
ends_soon attach wirt attach-disk talker "$images/victim.img" xvdb
check list env WIRT_WAIT=$most wirt list
# What needs no xenstored goes on.
check console-log timeout $((10 * most)) wirt log talker
check info env WIRT_WAIT=$most wirt info
go_on first
check is-there is_there talker
accounts_same nothing-left /run/accounts.before

# In the middle: xenstored stops so many milliseconds after the command began.
for delay in 0.01 0.03 0.05 0.08 0.12 0.2 0.3 0.5; do
    { sleep $delay; stop_store; } &
    WIRT_WAIT=$most wirt create /run/xml/victim.xml >/run/out 2>&1
    status=$?
    wait $!
    kill -CONT "$store"
    wait_for 20 xenstore-read /local/domain/0/name
    case $status in
    0) wirt destroy victim >/run/list 2>&1 || bad "stop-$delay" "$(cat /run/list)" ;;
    6) wirt create /run/xml/victim.xml >/run/list 2>&1 && wirt destroy victim >>/run/list 2>&1 ||
        bad "stop-$delay" "$(cat /run/out /run/list)" ;;
    *) bad "stop-$delay" "exit $status: $(cat /run/out)" ;;
    esac
    echo "hung: stop after $delay s: exit $status: $(head -c 300 /run/out)"
done
accounts_same whole-or-nothing /run/accounts.before

# A guest that ends meanwhile: its policy is followed when xenstored is back.
check ender wirt create --paused /run/xml/ender.xml
ender=$(field ender id)
check quiet create /run/xml/quiet.xml
stop_store
WIRT_WAIT=$most wirt unpause "$ender" >/run/out 2>&1 || bad unpause "$(cat /run/out)"
check wirtd-waits wait_for 20 log_has 'consoles go on, the rest waits: .*is stopped'
check wirtd-serves timeout $((10 * most)) wirt log quiet
go_on second
check quiet-away wirt destroy quiet
check wirtd-goes-on log_has 'xenstored answers again'
check policy-followed wait_for 20 is_gone ender
audit audit-end
checks_end
