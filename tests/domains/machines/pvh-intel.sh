#!/bin/sh
# SPDX-License-Identifier: MIT
# Theory: the largest guest that runs on Intel's VT-x without a machine that has it: Bochs is a Haswell, and in it dom0
# starts a stock cloud kernel as PVH, with a disk and a network card, up to its own line of user space and to its
# shutdown. Everything there is a hundred times slower than a processor is, so dom0 looks seldom.
. /files/lib
pause=3
[ -e /files/initrd.img ] && kit=/files # guest=686

image one.img 16
linux one 96 1 disk:xvda,ip:10.0.7.21/24,ping:10.0.7.1,beat:5 "$(disk one.img xvda) $(nic 1)"
check assist sh -c 'wirt info | grep -q "Hardware assist.*Intel VT-x with EPT"'
check create create /run/xml/one.xml
check first-line says one 600 'WIRT-GUEST one up .*cpus=1 '
said one 'WIRT-GUEST one up' && wirt log one | grep 'WIRT-GUEST one up'
check disk does one 120 'disk xvda'
check ping does one 120 'ping 10.0.7.1'
check is-pvh sh -c 'wirt dominfo one --xml | grep -q xenpvh'
audit audit-running
check shutdown wirt shutdown -w one
check gone wait_for 60 is_gone one
check no-crash sh -c '! wirt dmesg | grep -q crashed'
audit audit
checks_end
