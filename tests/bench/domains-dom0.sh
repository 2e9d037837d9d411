#!/bin/sh
# SPDX-License-Identifier: MIT
# Theory: what tests/bench/domains.sh runs in dom0: the same guests made by xl or by wirt, each figure as one line
# "DB name value". The words of wirt.toolstack decide which tool it is, those of wirt.parts which figures are taken.
. /files/lib
tool=$(sed -n 's/.*wirt\.toolstack=\([a-z]*\).*/\1/p' /proc/cmdline)
parts=$(sed -n 's/.*wirt\.parts=\([a-z,]*\).*/\1/p' /proc/cmdline | tr , ' ')
watch=/files/stopwatch
chmod +x "$watch"
many=200 fat=16
"$watch" seed || bad seed "the kernel takes no randomness"

figure() { echo "DB $1 ${2:--}"; }
value() { sed -n "s/.*\b$1=\([0-9]*\).*/\1/p"; }
log_of() { if [ "$tool" = xl ]; then echo "/var/log/xen/guest-$1.log"; else echo "/var/log/wirt/$1.log"; fi; }
# file NAME MIB KERNEL CMDLINE [DISK [NIC]]: the domain's file, in the tool's own form; PV, or with guest=pvh PVH.
guest=pv
file() {
    if [ "$tool" = xl ]; then
        printf 'name="%s"\nmemory=%s\nkernel="%s"\nextra="%s"\ntsc_mode="native"\ntype="%s"\n' "$1" "$2" "$3" "$4" \
            "$guest" >"/run/xml/$1"
        [ "$3" != "$kit/vmlinuz" ] || echo "ramdisk=\"$kit/initrd.img\"" >>"/run/xml/$1"
        [ -z "${5-}" ] || echo "disk=[\"$images/$5,raw,xvda,rw\"]" >>"/run/xml/$1"
        [ -z "${6-}" ] || echo 'vif=["bridge=xenbr0"]' >>"/run/xml/$1"
    else
        xml "$1" "$2" 1 "$4" "$3" "${5:+$(disk "$5" xvda)} ${6:+$(nic 99)}"
        sed "s/'xenpvh*'/'xen$guest'/" "/run/xml/$1.xml" >"/run/xml/$1"
    fi
}
# timed NAME TEXT: creates it and waits until it says TEXT.
timed() { "$watch" "$(log_of "$1")" "$2" "$tool" create "/run/xml/$1" || bad "$1" "it was not created, or did not say '$2'"; }
# alone NAME: a creation that leaves the guest paused, so that nothing but the tool and the daemons runs.
alone() { "$watch" /dev/null '' "$tool" create "$pause" "/run/xml/$1" || bad "$1" "it was not created"; }
# rest: a time in which nothing is done, but what hypervisor and daemons have put off.
rest() { sleep 1; }
pause=$([ "$tool" = xl ] && echo -p || echo --paused)
# The pages that a daemon has, counted; status may be behind by 64 for each thread.
memory_of() { sed -n 's/^Rss: *\([0-9]*\).*/\1/p' "/proc/$(daemon_of "$1")/smaps_rollup"; }
daemons() { echo $(($(memory_of xenstored) + $(memory_of "$([ "$tool" = xl ] && echo xenconsoled || echo wirtd)"))); }
free_of() {
    if [ "$tool" = xl ]; then xl info | sed -n 's/^free_memory *: *//p' | awk '{ print $1 * 1024 }'; else free_kib; fi
}

# The stock kernel, to its first line of user space; the second time, when its files are in memory. No devices.
do_linux() {
    local round out
    for round in 1 2; do
        file "$1" 128 "$kit/vmlinuz" "console=hvc0 quiet wirt.name=$1$round"
        rest
        out=$(timed "$1" "$1$round up")
        "$tool" destroy "$1"
    done
    figure "$1_total_ns" "$(echo "$out" | value total_ns)"
    figure "$1_cpu_ns" "$(echo "$out" | value cpu_ns)"
    figure "$1_at_once_ns" "$(alone "$1" | value tool_ns)"
    "$tool" destroy "$1"
    rest
    figure "$1_tool_ns" "$(alone "$1" | value tool_ns)"
    "$tool" destroy "$1"
}
# The same with hardware assistance.
do_pvh() { guest=pvh do_linux pvh; }
# One boot of it, for who counts how often it leaves (tests/bench/domains.sh): from "going in" to "got there".
do_boot() {
    guest=pvh file boot 128 "$kit/vmlinuz" "console=hvc0 quiet wirt.name=boot"
    timed boot 'boot up' >/dev/null
    "$tool" destroy boot
}
# What such a guest's ways out cost, as the meter (tests/bench/exits) counts them.
do_exits() {
    guest=pvh file meter 64 /files/meter.elf "" # xl needs as much
    timed meter 'METER done' >/dev/null
    sleep 1
    sed -n 's/.*METER \([a-z_]*\) \([0-9]*\).*/DB exit_\1 \2/p' "$(log_of meter)"
    "$tool" destroy meter 2>/dev/null
}

# The micro-guest, alone.
do_micro() {
    local round out
    for round in 1 2 3; do
        file one 4 "$kit/micro.elf" "wait one$round"
        rest
        out=$(timed one "one$round up")
        "$tool" destroy one
    done
    figure micro_total_ns "$(echo "$out" | value total_ns)"
    figure micro_cpu_ns "$(echo "$out" | value cpu_ns)"
    rest
    figure micro_tool_ns "$(alone one | value tool_ns)"
    "$tool" destroy one
}

# What wirt top takes of a CPU with those on its screen, a second: the time that it ran, its system calls and
# hypercalls with it, by the kernel's count.
do_top() {
    local pid before LC_ALL=C.UTF-8 TERM=linux
    export LC_ALL TERM
    tmux -L top -f /dev/null new-session -d -s t -x 132 -y 43 "TERM=screen-256color exec wirt top"
    sleep 10
    pid=$(for pid in $(pidof wirt); do grep -lx wirt "/proc/$pid/comm"; done | cut -d / -f 3) # its guard is top-guard
    figure top_rows "$(tmux -L top capture-pane -p -t t | sed -n 's/^wirt top *\([0-9]*\) domains.*/\1/p')"
    before=$(cut -d ' ' -f 1 "/proc/$pid/schedstat")
    sleep 30
    figure top_ns $((($(cut -d ' ' -f 1 "/proc/$pid/schedstat") - before) / 30))
    tmux -L top kill-server
}
# The same with many running; asked of Wirt alone.
do_many() {
    local n round out
    [ "$tool" = wirt ] || return 0
    for n in $(seq "$many"); do
        file "m$n" 4 "$kit/micro.elf" "wait m$n"
        "$tool" create "/run/xml/m$n" >/dev/null || break
    done
    figure many_count "$("$tool" list | grep -c '\bm[0-9]')"
    for round in 4 5; do
        file one 4 "$kit/micro.elf" "wait one$round"
        rest
        out=$(timed one "one$round up")
        "$tool" destroy one
    done
    figure many_total_ns "$(echo "$out" | value total_ns)"
    do_top
    for n in $(seq "$many"); do "$tool" destroy "m$n" >/dev/null; done
}

# What domains of 32 MiB cost beyond their own memory: in the hypervisor, and in the daemons.
do_memory() {
    local n before after own own2
    for n in 1 2; do
        file "k$n" 32 "$kit/micro.elf" "wait k$n"
        "$tool" create "/run/xml/k$n" >/dev/null
    done
    "$tool" destroy k1
    "$tool" destroy k2
    sleep 1
    before=$(free_of) own=$(daemons)
    for n in $(seq "$fat"); do
        file "k$n" 32 "$kit/micro.elf" "wait k$n"
        "$tool" create "/run/xml/k$n" >/dev/null
    done
    sleep 1
    after=$(free_of) own2=$(daemons)
    figure hypervisor_kib $(((before - after) / fat - 32768))
    figure daemons_kib $(((own2 - own) / fat))
    for n in $(seq "$fat"); do "$tool" destroy "k$n" >/dev/null; done
}

# Round trips of events with the micro-guest's echo.
do_event() {
    local id port
    file echo 4 "$kit/micro.elf" "echo echo"
    timed echo 'echo port=' >/dev/null
    id=$("$tool" list | awk '$1 == "echo" || $2 == "echo" { for (i = 1; i <= 2; i++) if ($i ~ /^[0-9]+$/) print $i }')
    sleep 0.1
    port=$(sed -n 's/.*echo port=\([0-9]*\).*/\1/p' "$(log_of echo)" | tail -n 1)
    figure event_ns "$("$watch" ping "$id" "$port" 2000 | value ping_ns)"
    "$tool" destroy echo
}

# Disk and network.
do_devices() {
    dd if=/dev/zero of="$images/speed.img" bs=1M count=48 2>/dev/null
    mkdir -p /run/www
    dd if=/dev/zero of=/run/www/data bs=1M count=24 2>/dev/null
    httpd -p 80 -h /run/www
    file speed 128 "$kit/vmlinuz" \
        "console=hvc0 quiet wirt.name=speed wirt.guest=ip:10.0.7.99/24,diskspeed:xvda,netspeed:10.0.7.1" speed.img nic
    timed speed 'speed ready' >/dev/null
    figure disk_ns "$(sed -n 's/.*diskspeed xvda ok ns=\([0-9]*\).*/\1/p' "$(log_of speed)")"
    figure net_ns "$(sed -n 's/.*netspeed 10.0.7.1 ok ns=\([0-9]*\).*/\1/p' "$(log_of speed)")"
    "$tool" destroy speed
}

# What dom0's kernel calls its functions, for where-create.sh.
do_symbols() {
    awk '$2 ~ /[tTwW]/ { print $1, $3 }' /proc/kallsyms | gzip | base64 | sed 's/^/DB64 /'
}

for part in $parts; do "do_$part" "$part"; done
checks_end
