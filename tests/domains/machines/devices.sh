#!/bin/sh
# SPDX-License-Identifier: MIT
# Theory: disks and networks of Linux guests: several, read-only, plugged in and out, busy ones refused; TCP between
# guests and with dom0 over the bridge.
. /files/lib

image a.img 16; image b.img 8; image c.img 4; image d.img 4
dd if=/dev/urandom of="$images/b.img" bs=64k count=16 conv=notrunc 2>/dev/null
sum=$(dd if="$images/b.img" bs=64k count=16 2>/dev/null | sha256sum | cut -c 1-16)
warm
accounts >/run/accounts.before
linux web 128 1 disk:xvda,read:xvdb,readonly:xvdb,ip:10.0.7.21/24,serve,watch,ping:10.0.7.1 \
    "$(disk a.img xvda) $(disk b.img xvdb '<readonly/>') $(nic 21)"
linux db 128 1 ip:10.0.7.22/24,fetch:10.0.7.21 "$(nic 22)"
check create-web create /run/xml/web.xml
check create-db create /run/xml/db.xml
check disk does web 120 'disk xvda'
check read does web 30 'read xvdb'
check read-right said web "read xvdb ok ro=1 sum=$sum"
check readonly does web 30 'readonly xvdb'
check ip does web 30 ip
check mac said web 'mac=00:16:3e:00:00:15'
check ping does web 60 'ping 10.0.7.1'
check guest-to-guest does db 120 'fetch 10.0.7.21'
check dom0-to-guest sh -c 'timeout 20 wget -q -O /run/blob http://10.0.7.21/blob && timeout 20 wget -q -O /run/sum http://10.0.7.21/sum &&
    [ "$(sha256sum </run/blob)" = "$(cat /run/sum)" ]'
sync
check written-through sh -c "[ \$(dd if=$images/a.img bs=64k count=64 2>/dev/null | tr -d '\\000' | head -c 1000 | wc -c) = 1000 ]"
audit audit

# In and out.
check attach-disk wirt attach-disk web "$images/c.img" xvdc
check disk-seen says web 30 'now .*vbd-51744'
check_code disk-busy 4 'c.img' wirt attach-disk db "$images/c.img" xvdc
check_code target-taken 4 xvda wirt attach-disk web "$images/d.img" xvda
check_code disk-missing 3 missing.img wirt attach-disk web "$images/missing.img" xvdd
check detach-disk wirt detach-disk web xvdc
check attach-nic wirt attach-nic web xenbr0 --mac 00:16:3e:00:00:31
check nic-seen says web 30 'now .*vif-1'
check_code mac-taken 4 '00:16:3e:00:00:16' wirt attach-nic web xenbr0 --mac 00:16:3e:00:00:16
check_code no-bridge 3 nowhere wirt attach-nic web nowhere
check detach-nic wirt detach-nic web 1
check detached sh -c 'sleep 2; wirt log web | grep "now " | tail -n 1 | grep -v vbd-51744 | grep -qv vif-1'
check db-down wirt shutdown -w db
check web-away wirt destroy web
accounts_same nothing-left /run/accounts.before 16
check image-free sh -c "! losetup -a | grep -q '$images'"
check file-untouched sh -c "[ \$(dd if=$images/b.img bs=64k count=16 2>/dev/null | sha256sum | cut -c 1-16) = $sum ]"
checks_end
