#!/bin/sh
# SPDX-License-Identifier: MIT
# Theory: our kernels as PVH guests by Debian's xl, which knows that kind under Xen: up, and down by request.
. /files/lib
for kernel in micro server; do
    printf 'name="%s"\nmemory=160\nvcpus=1\nkernel="/files/vmlinuz-%s"\nramdisk="%s/initrd.img"\nextra="console=hvc0 quiet wirt.name=%s wirt.guest=beat:1"\ntype="pvh"\n' \
        "$kernel" "$kernel" "$kit" "$kernel" >"/run/xml/$kernel"
    check "create-$kernel" xl create "/run/xml/$kernel"
    check "up-$kernel" wait_for 180 grep -q "WIRT-GUEST $kernel up .*wirt-$kernel" "/var/log/xen/guest-$kernel.log"
    check "ready-$kernel" wait_for 60 grep -q "WIRT-GUEST $kernel ready" "/var/log/xen/guest-$kernel.log"
    check "shutdown-$kernel" xl shutdown -w "$kernel"
done
checks_end
