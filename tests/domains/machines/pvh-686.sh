#!/bin/sh
# SPDX-License-Identifier: MIT
# Theory: Debian's 32-bit kernel with a 32-bit busybox as guests with hardware assist, of one and two vCPUs: disk, network,
# memory that comes and goes, an end by request; as paravirtualised guest it is refused; nothing is left over.
. /files/lib

warm
image one.img 16
kit=/files
accounts >/run/accounts.before
linux one 128 1 disk:xvda,ip:10.0.7.21/24,ping:10.0.7.1,watch,beat:2 "$(disk one.img xvda) $(nic 1)"
check create create /run/xml/one.xml
check first-line says one 200 'WIRT-GUEST one up .*cpus=1 .*686'
check disk does one 60 'disk xvda'
check ping does one 60 'ping 10.0.7.1'
check ready says one 60 'WIRT-GUEST one ready'
audit audit-running
check pause wirt pause one
check unpause wirt unpause one
balloons one
check shutdown wirt shutdown -w one
check gone wait_for 20 is_gone one
linux two 128 2 watch,beat:2
check create-2 create /run/xml/two.xml
check up-2 says two 200 'WIRT-GUEST two up .*cpus=2 '
check beats-2 says two 60 'beat'
audit audit-two
check destroy-2 wirt destroy two
kind=xenpv linux pv 96 1 beat:2
check_code as-pv 8 '32-bit kernel, which runs as a PVH guest only' create /run/xml/pv.xml
accounts_same leaves-nothing /run/accounts.before
checks_end
