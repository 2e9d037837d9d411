#!/bin/sh
# SPDX-License-Identifier: MIT
# Theory: what tests/bench/domains.sh runs in dom0: the same guests made by xl or by wirt, each figure as one line
# "DB name value". The words of wirt.toolstack decide which tool it is.
. /files/lib
tool=$(sed -n 's/.*wirt\.toolstack=\([a-z]*\).*/\1/p' /proc/cmdline)
watch=/files/stopwatch
chmod +x "$watch"
many=${many:-200}

figure() { echo "DB $1 $2"; }
value() { sed -n "s/.*\b$1=\([0-9]*\).*/\1/p"; }
log_of() { if [ "$tool" = xl ]; then echo "/var/log/xen/guest-$1.log"; else echo "/var/log/wirt/$1.log"; fi; }
# file NAME MIB KERNEL CMDLINE [DISK [NIC]]: the domain's file, in the tool's own form.
file() {
    local ramdisk=
    if [ "$tool" = xl ]; then
        [ "$3" = "$kit/vmlinuz" ] && ramdisk="ramdisk=\"$kit/initrd.img\""
        printf 'name="%s"\nmemory=%s\nkernel="%s"\nextra="%s"\n%s\n' "$1" "$2" "$3" "$4" "$ramdisk" >"/run/xml/$1"
        [ -z "${5-}" ] || echo "disk=[\"$images/$5,raw,xvda,rw\"]" >>"/run/xml/$1"
        [ -z "${6-}" ] || echo 'vif=["bridge=xenbr0"]' >>"/run/xml/$1"
    else
        xml "$1" "$2" 1 "$4" "$3" "${5:+$(disk "$5" xvda)} ${6:+$(nic 99)}"
        mv "/run/xml/$1.xml" "/run/xml/$1"
    fi
}
timed() { "$watch" "$(log_of "$1")" "$2" "$tool" create "/run/xml/$1" || echo "failed: $1" >&2; }
memory_of() { sed -n 's/VmRSS: *\([0-9]*\).*/\1/p' "/proc/$(daemon_of "$1")/status"; }
free_of() { if [ "$tool" = xl ]; then xl info | sed -n 's/^free_memory *: *//p' | awk '{ print $1 * 1024 }'; else free_kib; fi; }

# The stock kernel, to its first line of user space; the second time, when files are in memory. No devices.
for round in 1 2; do
    file linux 128 "$kit/vmlinuz" "console=hvc0 quiet wirt.name=linux$round"
    rm -f "$(log_of linux)"
    out=$(timed linux "linux$round up")
    "$tool" destroy linux
done
figure create_total_ns "$(echo "$out" | value total_ns)"
figure create_cpu_ns "$(echo "$out" | value cpu_ns)"

# The micro-guest: alone, and with many.
for round in 1 2 3; do
    file one 4 "$kit/micro.elf" "wait one$round"
    out=$(timed one "one$round up")
    "$tool" destroy one
done
figure micro_total_ns "$(echo "$out" | value total_ns)"
figure micro_cpu_ns "$(echo "$out" | value cpu_ns)"
if [ "$tool" = wirt ]; then
    for n in $(seq "$many"); do
        file "m$n" 4 "$kit/micro.elf" "wait m$n"
        wirt create "/run/xml/m$n" >/dev/null || break
    done
    file one 4 "$kit/micro.elf" "wait one4"
    out=$(timed one "one4 up")
    figure micro_many_total_ns "$(echo "$out" | value total_ns)"
    figure micro_many "$(wirt list --names | grep -c '^m')"
    wirt destroy one
    for n in $(seq "$many"); do wirt destroy "m$n" >/dev/null; done
fi

# What 16 domains of 32 MiB cost beyond their own memory.
sleep 1
before=$(free_of) daemons=$(($(memory_of xenstored) + $(memory_of "$([ "$tool" = xl ] && echo xenconsoled || echo wirtd)")))
for n in $(seq 16); do
    file "k$n" 32 "$kit/micro.elf" "wait k$n"
    "$tool" create "/run/xml/k$n" >/dev/null
done
sleep 1
after=$(free_of) daemons2=$(($(memory_of xenstored) + $(memory_of "$([ "$tool" = xl ] && echo xenconsoled || echo wirtd)")))
figure overhead_kib $(((before - after) / 16 - 32768 + (daemons2 - daemons) / 16))
for n in $(seq 16); do "$tool" destroy "k$n" >/dev/null; done

# Round trips of events.
file echo 4 "$kit/micro.elf" "echo echo"
timed echo 'echo port=' >/dev/null
id=$("$tool" list | awk '$1 == "echo" || $2 == "echo" { for (i = 1; i <= 2; i++) if ($i ~ /^[0-9]+$/) print $i }')
figure event_ns "$("$watch" ping "$id" "$(sed -n 's/.*echo port=\([0-9]*\).*/\1/p' "$(log_of echo)" | tail -n 1)" 2000 | value ping_ns)"
"$tool" destroy echo

# Disk and network.
dd if=/dev/zero of="$images/speed.img" bs=1M count=48 2>/dev/null
mkdir -p /run/www
dd if=/dev/zero of=/run/www/data bs=1M count=24 2>/dev/null
httpd -p 80 -h /run/www
file speed 128 "$kit/vmlinuz" "console=hvc0 quiet wirt.name=speed wirt.guest=ip:10.0.7.99/24,diskspeed:xvda,netspeed:10.0.7.1" speed.img nic
timed speed 'speed ready' >/dev/null
figure disk_ns "$(sed -n 's/.*diskspeed xvda ok ns=\([0-9]*\).*/\1/p' "$(log_of speed)")"
figure net_ns "$(sed -n 's/.*netspeed 10.0.7.1 ok ns=\([0-9]*\).*/\1/p' "$(log_of speed)")"
"$tool" destroy speed
checks_end
