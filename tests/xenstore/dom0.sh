# SPDX-License-Identifier: MIT
# Theory: xenstored with a real hypervisor and real kernels below it; runs in dom0 (tests/boot/run-dom0 --toolstack xl).
# Dom0's kernel is its client through /dev/xen/xenbus, a stock kernel in a domain through its ring, and the daemon is
# killed under both: neither may notice. xl's own background process is a socket client that does not connect again,
# so the guest is destroyed by name in the end.
. /files/lib
store=/usr/sbin/xenstored
away() { mv /run/xenstored/socket /run/xenstored/socket.away; }
back() { mv /run/xenstored/socket.away /run/xenstored/socket; }
again() {
    kill -9 "$(pidof xenstored)"
    $store --log-file /run/xenstored.log || bad restart "exit $?"
}

check by-socket xenstore-write /test/a hello
# Without a socket libxenstore takes the kernel's way.
away
equal by-kernel "$(timeout 30 xenstore-read /test/a)" hello
check write-by-kernel timeout 30 xenstore-write /test/b kernel
timeout 90 xenstore-watch -n 3 /again >/run/watch.out 2>&1 &
sleep 1
kill -9 "$(pidof xenstored)"
timeout 30 xenstore-read /test/b >/run/read.out 2>&1 &
sleep 1
rm -f /run/xenstored/socket.away
$store --log-file /run/xenstored.log || bad restart "exit $?"
wait_for 20 test -s /run/read.out
equal asked-while-it-was-dead "$(cat /run/read.out)" kernel
xenstore-write /again 1 /again/x 2
wait_for 20 grep -q x /run/watch.out
equal watched-by-kernel "$(tr '\n' ' ' </run/watch.out)" "/again /again /again/x "
check dom0-keys xenstore-exists /local/domain/0/control/feature-poweroff

[ -x /usr/sbin/xl ] || { checks_end; exit; }
xenstore-exists /local/pool/0/name || {
    xenstore-rm /local/domain/0/domid 2>/dev/null
    /usr/lib/xen-4.17/bin/xen-init-dom0 >/dev/null
}
# Debian's xenconsoled is a socket client that does not connect again either.
kill "$(pidof xenconsoled)" 2>/dev/null
/usr/lib/xen-4.17/bin/xenconsoled --pid-file /run/xen/xenconsoled.pid || bad xenconsoled "exit $?"
image demo.img 64
check create timeout 120 xl create -q /wirt-guests/demo.cfg
id=$(xl domid demo) || {
    checks_end
    exit
}
state() { [ "$(xenstore-read "/local/domain/$id/device/$1/state" 2>/dev/null)" = "$2" ]; }
# While the guest boots and its devices come up.
for try in 1 2 3 4 5 6; do
    sleep 1
    again
done
check vbd-connects wait_for 90 state vbd/51712 4
check vif-connects wait_for 90 state vif/0 4
again
check balloon-asked timeout 60 xl mem-set demo 96
balloon() { [ "$(xl list demo | awk '/^demo/ { print $3 }')" -le "$1" ]; }
check balloon-follows wait_for 30 balloon 97
for try in 1 2 3 4 5; do
    again
    xenstore-write "/local/domain/$id/memory/target" $((96 * 1024 - try * 1024))
done
check balloon-follows-through-kills wait_for 30 balloon 92
check detach timeout 60 xl network-detach demo 0
again
check destroy timeout 60 xl destroy demo
gone() { ! xenstore-exists "/local/domain/$id"; }
check nodes-gone wait_for 20 gone
cat /run/xenstored.log
equal no-complaints "$(grep -v 'went on from the state\|: gone$' /run/xenstored.log)" ""
checks_end
