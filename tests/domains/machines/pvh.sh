#!/bin/sh
# SPDX-License-Identifier: MIT
# Theory: guests with hardware assist beside paravirtualised ones: stock cloud kernels with 1, 2 and 4 vCPUs, disk and
# network by dom0's drivers, told to shut down, destroyed while they run; nothing is left and the audit agrees.
. /files/lib

image one.img 16
linux one 128 1 disk:xvda,ip:10.0.7.21/24,ping:10.0.7.1,watch,beat:2 "$(disk one.img xvda) $(nic 1)"
warm
accounts >/run/accounts.before
check create create /run/xml/one.xml
check first-line says one 120 'WIRT-GUEST one up .*cpus=1 '
check disk does one 60 'disk xvda'
check ping does one 60 'ping 10.0.7.1'
check is-pvh sh -c 'wirt dominfo one --xml | grep -q xenpvh'
audit audit-running
check pause wirt pause one
check paused is_state one paused
check unpause wirt unpause one
check dump wirt dump one /run/one.core
check core sh -c '[ $(stat -c %s /run/one.core) -ge 134217728 ] && head -c 4 /run/one.core | grep -q ELF'
check core-has-kernel grep -q 'Linux version' /run/one.core
rm -f /run/one.core
balloons one
check shutdown wirt shutdown -w one
check gone wait_for 20 is_gone one
check no-crash sh -c '! wirt dmesg | grep -q crashed' # it switches itself off by halting
linux two 128 2 watch,beat:2
kind=xenpv linux pv 96 1 beat:2
check create-2 create /run/xml/two.xml
check create-pv create /run/xml/pv.xml
check up-2 says two 120 'WIRT-GUEST two up .*cpus=2 '
check up-pv says pv 120 'WIRT-GUEST pv ready'
check vcpu-set-1 wirt vcpu-set two 1
check cpus-1 says two 60 'now cpus=1'
check vcpu-set-2 wirt vcpu-set two 2
check cpus-2 says two 60 'now cpus=2'
audit audit-both
check destroy-2 wirt destroy two
linux four 128 4 watch
check create-4 create /run/xml/four.xml
check up-4 says four 120 'WIRT-GUEST four up .*cpus=4 '
check destroy-4 wirt destroy four
check assist sh -c 'wirt info | grep -q "Hardware assist.*AMD SVM with nested paging"'
check destroy-pv wirt destroy pv
accounts_same leaves-nothing /run/accounts.before
checks_end
