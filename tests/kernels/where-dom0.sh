#!/bin/sh
# SPDX-License-Identifier: MIT
# Theory: what where-boot.sh runs in dom0: one guest of the kernel that came along, made by wirt or by xl.
. /files/lib
memory=$(cat /files/memory) words=$(cat /files/words)
if [ -x /usr/sbin/wirtd ] && is_wirt; then
    xml tiny "$memory" 1 "$words" /files/kernel
    sed -i 's|</kernel>|</kernel><initrd>/files/tiny.img</initrd>|' /run/xml/tiny.xml
    check create create /run/xml/tiny.xml
    check up wait_for 300 said tiny 'WIRT-GUEST tiny up'
else
    printf 'name="tiny"\nmemory=%s\nkernel="/files/kernel"\nramdisk="/files/tiny.img"\nextra="%s"\ntsc_mode="native"\ntype="pv"\n' "$memory" "$words" >/run/xml/tiny
    check create xl create /run/xml/tiny
    check up wait_for 300 grep -q 'WIRT-GUEST tiny up' /var/log/xen/guest-tiny.log
fi
checks_end
