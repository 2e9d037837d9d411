#!/bin/sh
# SPDX-License-Identifier: MIT
# Theory: a guest that boots as a machine does: Debian's pv-grub is its kernel, and the real one, with its initramfs and
# root file system, is on the guest's own disk. It ends at a login.
. /files/lib

disk=$(findfs LABEL=wirt-debian)
xml debian 384 1 '' "$kit/grub-x86_64-xen.bin" "<disk type='block' device='disk'><source dev='$disk'/><target dev='xvda' bus='xen'/></disk>"
warm
accounts >/run/accounts.before
check create create /run/xml/debian.xml
check grub-loads says debian 240 'WIRT-GUEST debian up '
check root says debian 60 'root ok'
check login says debian 300 'login:'
(printf 'root\n'; sleep 15; printf 'echo typed-$((6*7)); cat /etc/debian_version\n'; sleep 8) |
    timeout 60 wirt console debian >/run/console.out 2>&1
check typed says debian 20 'typed-42'
check shutdown wirt shutdown -w -t 180 debian
check gone wait_for 60 is_gone debian
accounts_same nothing-left /run/accounts.before
checks_end
