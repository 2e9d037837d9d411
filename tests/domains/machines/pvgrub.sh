#!/bin/sh
# SPDX-License-Identifier: MIT
# Theory: a guest that boots as a machine does: Debian's GRUB for its kind is its kernel, and the real one, with its
# initramfs and root file system, is on the guest's own disk. It ends at a login.
. /files/lib

disk=$(findfs LABEL=wirt-debian)
grub=$kit/grub-x86_64-xen.bin
[ "$kind" = xenpv ] || grub=$kit/grub-i386-xen_pvh.bin
xml debian 384 1 '' "$grub" "<disk type='block' device='disk'><source dev='$disk'/><target dev='xvda' bus='xen'/></disk>"
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
# The same kernel without GRUB: the whole one, not the cloud's.
mkdir -p /run/guest-root
mount -o ro "$disk" /run/guest-root && cp /run/guest-root/boot/vmlinuz /run/guest-root/boot/initrd.img /run/
umount /run/guest-root
xml whole 384 1 'console=hvc0 quiet wirt.name=whole' /run/vmlinuz
sed -i 's|</kernel>|</kernel><initrd>/run/initrd.img</initrd>|' /run/xml/whole.xml
check create-whole create /run/xml/whole.xml
check up-whole says whole 120 'WIRT-GUEST whole up '
check destroy-whole wirt destroy whole
rm -f /run/vmlinuz /run/initrd.img
accounts_same nothing-left /run/accounts.before
checks_end
