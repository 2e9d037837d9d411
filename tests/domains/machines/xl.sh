#!/bin/bash
# SPDX-License-Identifier: MIT
# Theory: Debian's own tools, as packaged, in a Debian dom0: everything that a user of xl does with a guest, which
# wirt.kind=xenpvh makes one with hardware assistance.
. /run/files/lib
log=/var/log/xen/guest-demo.log

says_xl() { wait_for "$1" grep -qE "$2" "$log" || { tail -n 12 "$log"; return 1; }; }
# goes_on NAME: it beats, again and again.
goes_on() {
    local before
    before=$(grep -c beat "$log")
    more() { [ "$(grep -c beat "$log")" -gt $((before + 1)) ]; }
    check "$1" wait_for 30 more
}
# type_in TEXT: as a user types it on the guest's console.
type_in() { (sleep 3; printf '%s\n' "$1"; sleep 5) | timeout 20 script -qc 'xl console demo' /dev/null >/run/console.out 2>&1; }
# has_device NAME, lost_device NAME: as the guest itself sees it now.
has_device() { grep 'WIRT-GUEST demo now' "$log" | tail -n 1 | grep -q "$1,"; }
lost_device() { ! has_device "$1"; }
state_xl() { [ "$(xl list "$1" | awk 'NR == 2 { gsub("-", "", $5); print $5 }')" = "$2" ]; }
mkdir -p /run/images /var/lib/wirt
mount -t tmpfs images /var/lib/wirt
truncate -s 16M /var/lib/wirt/demo.img
truncate -s 8M /var/lib/wirt/more.img
head -c 4096 /dev/urandom | dd of=/var/lib/wirt/more.img conv=notrunc status=none
ip addr add 10.0.8.1/24 dev xenbr0
sed 's/,ping:/,watch,beat:2,ping:/; s/^vcpus.*/vcpus = 2/' /wirt-guests/demo.cfg >/run/demo.cfg
[ "$kind" = xenpv ] || echo 'type = "pvh"' >>/run/demo.cfg

check info xl info
xl info
check_list() { xl list -l >/run/list.json && grep -q '"Domain-0"' /run/list.json; }
check list-long check_list
check create xl create /run/demo.cfg
check up says_xl 120 'WIRT-GUEST demo up .*cpus=2 '
check disk says_xl 60 'disk xvda ok'
check net says_xl 60 'ping 10.0.7.1 ok'
check list xl list demo
xl list -l >/run/list.json
check list-long-guest grep -q '"demo"' /run/list.json
check list-kind grep -q "\"type\": \"${kind#xen}\"" /run/list.json
check vcpu-list xl vcpu-list demo
check uptime xl uptime demo
type_in 'echo typed-$((6*7))'
check console says_xl 20 'typed-42'
check pause xl pause demo
check paused state_xl demo p
check unpause xl unpause demo
goes_on goes-on
check mem-set xl mem-set demo 96
check balloon says_xl 60 'now .*memory_kib=[5-7][0-9]{4} '

# A core of the running guest, less than its whole memory. libxc's format has sections and no segments; its ABI version
# is 1.
core=/var/lib/wirt/demo.core
number() { od -An -j "$1" -N "$2" -t "u$2" "$core" | tr -d ' '; }
text() { tail -c "+$(($1 + 1))" "$core" | head -c "$2"; }
# sections: "NAME OFFSET SIZE" of each.
sections() {
    local table count names
    table=$(number 40 8) count=$(number 60 2)
    names=$(number $((table + 64 * $(number 62 2) + 24)) 8)
    od -An -v -j "$table" -N $((64 * count)) -t u4 -w64 "$core" >/run/headers
    text "$names" 400 | tr '\0' '\n' | awk 'NR == FNR { name[at + 0] = $0; at += length($0) + 1; next }
        $1 in name { printf "%s %d %d\n", name[$1], $7 + $8 * 2 ^ 32, $9 + $10 * 2 ^ 32 }' - /run/headers
}
section() { sed -n "s/^$1 //p" /run/sections; }
# notes: "NAME TYPE OFFSET" of each, with the name as a number, and where its content is.
notes() {
    local at size
    read -r at size < <(section .note.Xen)
    od -An -v -j "$at" -N "$size" -t u4 -w4 "$core" | awk -v at="$at" '{ word[NR - 1] = $1 } END {
        for (i = 0; i < NR; i += 3 + int((word[i] + 3) / 4) + int((word[i + 1] + 3) / 4))
            printf "%x %x %d\n", word[i + 3], word[i + 2], at + 4 * (i + 3 + int((word[i] + 3) / 4)) }'
}
note() { sed -n "s/^6e6558 $1 //p" /run/notes; }
check_core() {
    check dump-core xl dump-core demo "$core"
    goes_on unharmed
    equal core-elf "$(od -An -N 20 -t x1 -w20 "$core" | tr -d ' ')" 7f454c4602010100010000000000000004003e00
    sections >/run/sections
    notes >/run/notes
    cat /run/sections /run/notes
    read -r pages size < <(section .xen_pages)
    header=$(note 2000001)
    equal core-notes "$(cut -d ' ' -f 1,2 /run/notes | tr '\n' ',')" '6e6558 2000000,6e6558 2000001,6e6558 2000002,6e6558 2000003,'
    equal core-header "$(od -An -v -j "$header" -N 32 -t u8 -w32 "$core" | tr -s ' ')" " $((0xf00febed)) 2 $((size / 4096)) 4096"
    equal core-version "$(number "$(note 2000002)" 8).$(number $(($(note 2000002) + 8)) 8)" 4.17
    equal core-format "$(number "$(note 2000003)" 8)" 1
    [ "$size" -gt $((80 << 20)) ] && [ "$size" -le $((96 << 20)) ] && ok core-pages || bad core-pages "$size bytes of 96 MiB"
    equal core-vcpus "$(section .xen_prstatus | cut -d ' ' -f 2)" $((2 * 5168))
    equal core-whole "$(stat -c %s "$core")" "$(section .shstrtab | awk '{ print $1 + $2 }')"
    # The page of the guest's linux_banner holds what the guest says of itself.
    type_in 'echo banner $(grep " linux_banner$" /proc/kallsyms) end; echo version $(cat /proc/version) end'
    check banner says_xl 60 '^version Linux.* end'
    banner=$((0x$(sed -n 's/^banner \([0-9a-f]*\) .*/\1/p' "$log" | tail -n 1) - 0xffffffff80000000))
    version=$(sed -n 's/^version \(Linux.*\) end.*/\1/p' "$log" | tail -n 1)
    read -r at bytes < <(section .xen_p2m)
    index=$(od -An -v -j "$at" -N "$bytes" -t u8 -w16 "$core" | awk -v pfn=$((banner >> 12)) '$1 == pfn { print NR - 1 }')
    equal core-holds-banner "$(text $((pages + index * 4096 + banner % 4096)) "${#version}")" "${version:-of the guest}"
    rm -f "$core"
}
# Of a PVH domain libxc maps each of the million page numbers below 4 GiB by itself: hours under an emulator.
[ "$kind" != xenpv ] || check_core

# Disks and network cards, in and out.
check block-attach xl block-attach demo /var/lib/wirt/more.img,raw,xvdb,rw
check disk-seen wait_for 30 has_device vbd-51728
sum=$(head -c 4096 /var/lib/wirt/more.img | sha256sum | cut -c 1-16)
type_in '[ -b /dev/xvdb ] && echo sum $(head -c 4096 /dev/xvdb | sha256sum) && echo wr""itten | dd of=/dev/xvdb bs=4096 seek=1 conv=fsync'
check disk-read says_xl 30 "sum $sum"
block_list() { xl block-list demo | grep -q '^51728 .* 4 '; }
check block-list block_list
check block-detach xl block-detach demo xvdb
check disk-gone wait_for 30 lost_device vbd-51728
has_no_loop() { ! losetup -a | grep -q more.img; }
check disk-free wait_for 10 has_no_loop
equal disk-written "$(dd if=/var/lib/wirt/more.img bs=4096 skip=1 count=1 status=none | head -n 1)" written
check network-attach xl network-attach demo bridge=xenbr0 mac=00:16:3e:00:00:12
check card-seen wait_for 30 has_device vif-1
type_in 'ip addr add 10.0.8.2/24 dev eth1; ip link set eth1 up; echo card $(cat /sys/class/net/eth1/address)
for try in 1 2 3 4 5 6; do ping -c 1 -W 5 10.0.8.1 && echo reached-$((6*7)) && break; done'
check card-right says_xl 30 'card 00:16:3e:00:00:12'
check card-pings says_xl 60 'reached-42'
network_list() { xl network-list demo | grep -q '^1 .*00:16:3e:00:00:12'; }
check network-list network_list
check network-detach xl network-detach demo 1
check card-gone wait_for 30 lost_device vif-1
has_no_vif() { ! ls /sys/class/net | grep -q '^vif.*\.1$'; }
check vif-gone wait_for 10 has_no_vif
goes_on unharmed-by-devices
check dmesg xl dmesg
check rename xl rename demo demo-two
check rename-back xl rename demo-two demo
check shutdown xl shutdown -w demo
check gone wait_for 20 bash -c '! xl list demo'
check create-again xl create /run/demo.cfg
check up-again says_xl 120 'WIRT-GUEST demo up .*cpus=2 '
check destroy xl destroy demo
check gone-again wait_for 20 bash -c '! xl list demo'
checks_end
