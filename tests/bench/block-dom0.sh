#!/bin/sh
# SPDX-License-Identifier: MIT
# Theory: what block.sh runs in dom0: one guest of the kernel that came along, with a disk that is a file in memory,
# made by wirt or by xl. Repeats what the guest said, and the list of functions that it left on its disk.
. /files/lib
words='console=hvc0 quiet'
pause=20 # no look at the log falls into what is counted
dd if=/dev/zero of="$images/block.img" bs=1M count=32 2>/dev/null
if [ -x /usr/sbin/wirtd ] && is_wirt; then
    log=/var/log/wirt/block.log
    xml block 128 1 "$words" /files/kernel "$(disk block.img xvda)"
    sed -i 's|</kernel>|</kernel><initrd>/files/block.cpio</initrd>|' /run/xml/block.xml
    check create create /run/xml/block.xml
else
    log=/var/log/xen/guest-block.log
    cat >/run/xml/block <<XL
name="block"
type="pv"
memory=128
kernel="/files/kernel"
ramdisk="/files/block.cpio"
extra="$words"
tsc_mode="native"
disk=["$images/block.img,raw,xvda,rw"]
XL
    check create xl create /run/xml/block
fi
check operations wait_for 300 grep -q 'BLOCK DONE' "$log"
grep -a BLOCK "$log" | tr -d '\r'
sed -n 's/.*BLOCK SYMBOLS \([0-9]*\) \([0-9]*\).*/\1 \2/p' "$log" | while read -r count at; do
    dd if="$images/block.img" bs=4096 skip="$at" count="$count" 2>/dev/null | tr -d '\0' | gzip | base64 |
        sed 's/^/DB64 /'
done
checks_end
