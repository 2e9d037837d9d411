#!/bin/sh
# SPDX-License-Identifier: MIT
# Theory: guests of our kernels beside one of Debian's: micro with next to no memory and with devices, server with two
# vCPUs, memory that comes and goes, an end by request; nothing is left over.
. /files/lib

# ours NAME KERNEL MIB VCPUS WORDS [DEVICES [MORE]]: the demo guest on a kernel of ours.
ours() {
    xml "$1" "$3" "$4" "console=hvc0 quiet wirt.name=$1 wirt.guest=$5" "/files/vmlinuz-$2" "${6-}" "${7-}"
    sed -i "s|</kernel>|</kernel><initrd>$kit/initrd.img</initrd>|" "/run/xml/$1.xml"
}
image disk.img 16
warm
accounts >/run/accounts.before

# The smallest: as much memory as the README says that it runs in, and it says how much of it is there.
ours tiny micro 16 1 beat:1
sed -i "s|$kit/initrd.img|/files/guest.img.gz|" /run/xml/tiny.xml
check create-tiny create /run/xml/tiny.xml
check tiny-up says tiny 120 'WIRT-GUEST tiny up .*cpus=1 .*wirt-micro'
check tiny-ready says tiny 60 'WIRT-GUEST tiny ready'
check tiny-down wirt shutdown -w tiny
check tiny-gone wait_for 20 is_gone tiny

ours micro micro 64 1 disk:xvda,ip:10.0.7.31/24,ping:10.0.7.1,beat:2 "$(disk disk.img xvda) $(nic 31)"
check create-micro create /run/xml/micro.xml
check micro-up says micro 120 'WIRT-GUEST micro up'
check micro-disk does micro 60 'disk xvda'
check micro-ping does micro 60 'ping 10.0.7.1'
check micro-destroy wirt destroy micro

ours server server 160 2 disk:xvda,ip:10.0.7.32/24,ping:10.0.7.1,watch,beat:2 "$(disk disk.img xvda) $(nic 32)"
check create-server create /run/xml/server.xml
check server-up says server 180 'WIRT-GUEST server up .*cpus=2 .*wirt-server'
check server-disk does server 60 'disk xvda'
check server-ping does server 60 'ping 10.0.7.1'
check server-mem-set wirt mem-set server 128M
check server-balloon-down wait_for 60 has_memory server -le 132168
check server-pause wirt pause server
check server-unpause wirt unpause server
check server-shutdown wirt shutdown -w server
check server-gone wait_for 20 is_gone server

# A panic: dead, with its reason where people look.
ours panics micro 32 1 panic '' '<on_crash>preserve</on_crash>'
check create-panics create /run/xml/panics.xml
check panics-crashed wait_for 120 is_state panics crashed
check panics-log said panics 'Kernel panic - not syncing'
check panics-away wirt destroy panics
accounts_same leaves-nothing /run/accounts.before 512
audit audit
checks_end
