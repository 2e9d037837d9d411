#!/bin/sh
# SPDX-License-Identifier: MIT
# Theory: kill -9 at every step. killat ends a command at its Nth system call that changes something beyond it, for
# every N until it comes to its end (every few where that takes long); what is left is the whole domain, or device, or
# nothing, the next command says which, and the same again works. Then the daemons die at steps of theirs while domains
# are made. wirt.kills on the command line is the stride over the daemons' steps (4).
. /files/lib
stride=$(sed -n 's/.*wirt\.kills=\([0-9]*\).*/\1/p' /proc/cmdline)
stride=${stride:-4}
cp /files/killat /run/killat && chmod +x /run/killat

# each_step NAME STRIDE COMMAND...: kills the command at its 1st, 2nd, ... step (or fewer, STRIDE apart); after each,
# `after_NAME` has to hold, which also puts things back; `before_NAME` comes first. Ends with the first one that was not
# killed.
each_step() {
    local name=$1 by=$2 step=0 status failures=0 start
    shift 2
    start=$(seconds)
    while [ "$step" -lt 400 ]; do
        step=$((step == 0 ? 1 : step + by))
        "before_$name"
        /run/killat "$step" "$@" >/run/out 2>&1
        status=$? why=
        if { [ "$status" = 0 ] || [ "$status" = 137 ]; } && "after_$name"; then
            [ "$status" = 137 ] || break
            continue
        fi
        failures=$((failures + 1))
        echo "  | $name, step $step, exit $status: $why"
        sed 's/^/  |   /' /run/out
        [ "$status" = 137 ] && [ "$failures" -lt 4 ] || break
    done
    echo "kills: $name: $((step - 1)) steps, by $by, in $(($(seconds) - start)) s"
    if [ "$step" -lt 10 ]; then bad "$name" "only $step steps"; else equal "$name" "$failures" 0; fi
}
# is_whole [DEVICES]: the victim runs, and has its console and its devices.
is_whole() {
    why="not whole ($(devices_of victim)): $(cat /run/list)"
    grep -qE '"state": *"(running|blocked)"' /run/list && wirt console --json victim >/dev/null 2>&1 &&
        [ "$(devices_of victim)" = "$1" ]
}
devices_of() {
    xenstore-ls -f /local/domain/0/backend 2>/dev/null | grep "/$(field "$1" id)/[0-9]*/state" | cut -d / -f 6 | sort |
        tr '\n' ' ' | sed 's/ $//'
}
# the_same COMMAND...: what is left of a domain or a device does not stand in its way.
the_same() {
    "$@" >/run/list 2>&1 && return
    why="$*: $(cat /run/list)"
    return 1
}
with_disk() { xml victim 4 1 'wait victim' "$kit/micro.elf" "$(disk victim.img xvda)"; }

image victim.img 1
image more.img 1
warm
accounts >/run/accounts.before

# create: the domain is whole, or the next command says that it was broken off or does not find it, and the name is free.
before_create() { :; }
before_create_device() { :; }
after_any_create() {
    wirt dominfo --json victim >/run/list 2>&1
    case $? in
    3) why="dominfo: $(cat /run/list)" && grep -q 'no such domain' /run/list || return 1 ;;
    0)
        if ! grep -q '"state": *"building"' /run/list; then
            is_whole "$1" && the_same wirt destroy victim
            return
        fi
        why="no word of what happened: $(cat /run/list)"
        grep -q 'broken off' /run/list || return 1
        ;;
    *) why="dominfo: $(cat /run/list)" && return 1 ;;
    esac
    # Again now and then: the next round's create does it too.
    [ $((step % 8)) != 1 ] || { the_same wirt create /run/xml/victim.xml && the_same wirt destroy victim; }
}
after_create() { after_any_create ''; }
after_create_device() { after_any_create vbd; }
micro victim wait
each_step create 1 wirt create /run/xml/victim.xml
with_disk
each_step create_device 5 wirt create /run/xml/victim.xml
wirt create /run/xml/victim.xml >/dev/null 2>&1 # whatever the last round left goes with it
check destroy-first wirt destroy victim
accounts_same create-leaves-nothing /run/accounts.before

# destroy: as if nothing had happened, or it is gone for everybody, and a second one ends the rest.
before_destroy() { wirt create /run/xml/victim.xml >/run/list 2>&1; } # or it is there still
after_destroy() {
    wirt dominfo --json victim >/run/list 2>&1
    case $? in
    3) why="dominfo: $(cat /run/list)" && grep -q 'no such domain' /run/list ;;
    0) grep -q '"state": *"dying"' /run/list && the_same wirt destroy victim || is_whole vbd ;;
    *) why="dominfo: $(cat /run/list)" && return 1 ;;
    esac
}
each_step destroy 1 wirt destroy victim
accounts_same destroy-leaves-nothing /run/accounts.before

# A device more, a device less: it is there whole, or not at all, or dominfo says that it was broken off; then the next
# command ends it. DEVICES: what the victim has with one more.
check create-victim create /run/xml/victim.xml
accounts >/run/accounts.whole
attach_disk() { the_same wirt attach-disk victim "$images/more.img" xvdb; }
attach_nic() { the_same wirt attach-nic victim xenbr0 --mac 00:16:3e:00:00:81; }
detach_disk() { the_same wirt detach-disk victim xvdb; }
detach_nic() { the_same wirt detach-nic victim 0; }
after_change() { # KIND DEVICES
    local devices
    wirt dominfo --json victim >/run/list 2>&1
    devices=$(devices_of victim)
    why="$devices: $(cat /run/list)"
    if ! grep -q 'broken off' /run/list; then
        [ "$devices" = vbd ] && return
        [ "$devices" = "$2" ] && "detach_$1"
        return
    fi
    "attach_$1" && "detach_$1"
}
before_attach_disk() { :; }
before_attach_nic() { :; }
before_detach_disk() { attach_disk; }
before_detach_nic() { attach_nic; }
after_attach_disk() { after_change disk 'vbd vbd'; }
after_attach_nic() { after_change nic 'vbd vif'; }
after_detach_disk() { after_change disk 'vbd vbd'; }
after_detach_nic() { after_change nic 'vbd vif'; }
each_step attach_disk 4 wirt attach-disk victim "$images/more.img" xvdb
each_step detach_disk 2 wirt detach-disk victim xvdb
each_step attach_nic 4 wirt attach-nic victim xenbr0 --mac 00:16:3e:00:00:81
each_step detach_nic 3 wirt detach-nic victim 0
accounts_same devices-leave-nothing /run/accounts.whole
check destroy-victim wirt destroy victim
accounts_same all-gone /run/accounts.before

# Nobody asks again: wirtd itself ends what was broken off.
micro victim wait
for at in 32 28 24 20; do
    /run/killat "$at" wirt create /run/xml/victim.xml >/dev/null 2>&1
    wirt list >/run/list
    grep -q 'broken off' /run/list && break
    is_there victim && wirt destroy victim >/dev/null 2>&1
done
check broken-off grep 'broken off' /run/list
nobody_left() { [ -z "$(xenstore-list /wirt/building)$(xenstore-list /wirt/name)$(wirt list --names | grep -v Domain-0)" ]; }
check wirtd-collects wait_for 70 nobody_left

# daemon_dies NAME PROGRAM: the daemon dies at its Nth step from when a create begins, and is started again at once. If
# xenstored's last act was to take the domain, wirtd hears of it from the next one.
daemon_dies() {
    local name=$1 step=1 failures=0 tracer pid status start
    start=$(seconds)
    while [ "$step" -lt 400 ]; do
        pid=$(daemon_of "$name")
        tracer=$(/run/killat -p "$pid" "$step") || { bad "$name-dies" "killat: $tracer"; return; }
        wirt create /run/xml/victim.xml >/run/out 2>&1
        status=$?
        wait_for 1 sh -c "! kill -0 $pid"
        if kill -0 "$pid" 2>/dev/null; then
            kill -9 "$tracer" # it had not so many steps to do
            wirt destroy victim >/dev/null 2>&1
            break
        fi
        "$name" || bad "$name-again" "exit $?"
        wait_for 10 xenstore-read /local/domain/0/name
        wirt dominfo --json victim >/run/list 2>&1
        why=$(cat /run/list)
        case $status in
        0) wait_for 5 is_whole '' || { failures=$((failures + 1)); echo "  | $name, step $step: $why"; } ;;
        *) grep -qE '"state": *"(building|dying)"|no such domain' /run/list ||
            { failures=$((failures + 1)); echo "  | $name, step $step, create $status: $(cat /run/out) $why"; } ;;
        esac
        if is_there victim && [ "$status" = 0 ]; then wirt destroy victim; else
            wirt create /run/xml/victim.xml && wirt destroy victim
        fi >/run/list 2>&1 || { failures=$((failures + 1)); echo "  | $name, step $step, again: $(cat /run/list)"; }
        step=$((step + stride))
    done
    echo "kills: $name: up to step $step in $(($(seconds) - start)) s"
    equal "$name-dies" "$failures" 0
}
daemon_dies xenstored
daemon_dies wirtd
accounts_same daemons-leave-nothing /run/accounts.before
audit audit-end
checks_end
