#!/bin/sh
# SPDX-License-Identifier: MIT
# Theory: three guests that talk TCP to each other and to dom0 over the bridge, at the same time; then once more with
# guests beside them that panic, spin, and flood their console, xenstore ring and event channels.
. /files/lib

mkdir -p /run/www
dd if=/dev/urandom of=/run/www/blob bs=64k count=16 2>/dev/null
sha256sum </run/www/blob >/run/www/sum
httpd -p 10.0.7.1:80 -h /run/www
from_dom0() {
    timeout 60 wget -q -O /run/blob "http://$1/blob" && timeout 60 wget -q -O /run/sum "http://$1/sum" &&
        [ "$(sha256sum </run/blob)" = "$(cat /run/sum)" ]
}
warm
accounts >/run/accounts.before
linux a 96 1 ip:10.0.7.31/24,serve,beat:1,fetch:10.0.7.1,fetch:10.0.7.32,fetch:10.0.7.33 "$(nic 31)"
linux b 96 2 ip:10.0.7.32/24,serve,beat:1,fetch:10.0.7.1,fetch:10.0.7.33,fetch:10.0.7.31 "$(nic 32)"
linux c 96 1 ip:10.0.7.33/24,serve,beat:1,fetch:10.0.7.1,fetch:10.0.7.31,fetch:10.0.7.32 "$(nic 33)"
for guest in a b c; do check "create-$guest" create "/run/xml/$guest.xml"; done
for pair in a:1 a:32 a:33 b:1 b:33 b:31 c:1 c:31 c:32; do
    check "fetch-$pair" does "${pair%:*}" 180 "fetch 10.0.7.${pair#*:}"
done
for host in 31 32 33; do check "dom0-fetches-$host" from_dom0 "10.0.7.$host"; done
audit audit-company

# Bad company: a micro-guest floods all rings and ports, Linux guests panic, spin and flood.
micro flood flood
linux panics 96 1 panic '' '<on_crash>preserve</on_crash>'
linux spins 96 2 spin
linux floods 96 1 flood
for guest in flood panics spins floods; do check "create-$guest" create "/run/xml/$guest.xml"; done
check panics-crashed wait_for 180 is_state panics crashed
check spins says spins 180 'WIRT-GUEST spins spinning'
check floods says floods 180 'flood flood'
before=$(wirt log b | grep -c 'b beat')
linux d 96 1 ip:10.0.7.34/24,fetch:10.0.7.1,fetch:10.0.7.31,fetch:10.0.7.32,fetch:10.0.7.33 "$(nic 34)"
check create-d create /run/xml/d.xml
for host in 1 31 32 33; do check "fetch-d:$host" does d 240 "fetch 10.0.7.$host"; done
check dom0-fetches-beside from_dom0 10.0.7.32
check beats sh -c ". /files/lib; [ \$(wirt log b | grep -c 'b beat') -gt $((before + 2)) ]"
check list timeout 30 wirt list
wirt list
audit audit-hostile
for guest in flood panics spins floods a b c d; do check "destroy-$guest" wirt destroy "$guest"; done
accounts_same nothing-left /run/accounts.before 128
audit audit-end
checks_end
