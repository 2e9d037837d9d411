#!/bin/sh
# SPDX-License-Identifier: MIT
# Theory: stock kernels of every size that is promised: 96 MiB and 4 GiB, 1, 2 and 4 vCPUs, and vCPUs that are not
# online at the start; the large one is dumped, and what the file holds is compared with what the guest knows.
. /files/lib

warm
accounts >/run/accounts.before

# Four GiB, of which the balloon takes one and gives it back.
image big.img 16
linux big 4096 4 disk:xvda,watch,beat:2 "$(disk big.img xvda) $(nic 1)"
check create-4G create /run/xml/big.xml
check up-4G says big 180 'WIRT-GUEST big up .*cpus=4 '
check ready-4G says big 60 'WIRT-GUEST big ready'
check memory-4G sh -c '[ $(wirt log big | sed -n "s/.* up .*memory_kib=\([0-9]*\).*/\1/p" | tail -n 1) -gt 3900000 ]'
check mem-set-3G wirt mem-set big 3G
check balloon-3G wait_for 400 has_memory big -le 3146000
check mem-set-4G wirt mem-set big 4G
check balloon-4G wait_for 300 has_memory big -ge 4190000
check cpus-down wirt vcpu-set big 1
check cpus-1 says big 60 'now cpus=1'
audit audit-4G
check shutdown-4G wirt shutdown -w big
check gone-4G wait_for 60 is_gone big

# One vCPU of two at the start, again and again: one that does not come up is seen only now and then. Its kernel starts
# with both, and puts one away when it reads xenstore.
rounds=$(sed -n 's/.*wirt\.rounds=\([0-9]*\).*/\1/p' /proc/cmdline)
late=0
for round in $(seq "${rounds:-3}"); do
    for vcpus in 1 2 1/2; do
        name=g$round-${vcpus%/2}-${vcpus#*/}
        linux "$name" 96 "$vcpus" watch
        wirt create "/run/xml/$name.xml" >/run/out 2>&1 || cat /run/out
        wait_for 300 said "$name" "WIRT-GUEST $name ready .*cpus=${vcpus%/*} " || {
            late=$((late + 1))
            wirt vcpu-list "$name"
            wirt log "$name" | tail -n 12
        }
        echo "$vcpus vCPUs: $(wirt log "$name" | grep -o 'up uptime=[0-9.]*') $(wirt vcpu-list "$name" | awk 'NR > 1 { print $6 }' | tr '\n' ' ')"
        [ "$vcpus" = 1/2 ] && [ "$round" = 1 ] && check half-to-2 wirt vcpu-set "$name" 2 &&
            check half-has-2 says "$name" 90 'now cpus=2'
        wirt destroy "$name" >/dev/null
    done
done
equal all-come-up "$late" 0
accounts_same nothing-left /run/accounts.before 64
audit audit-end
checks_end
