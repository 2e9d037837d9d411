#!/bin/bash
# SPDX-License-Identifier: MIT
# Theory: makes the demo guest's initramfs: busybox, one init, the two front-end drivers of Debian's cloud kernel; or of
# the kernel that has all drivers (linux), which needs one for its root file system too; or of the 32-bit one (686),
# with a busybox of that width.
# usage: guest.sh OUTPUT [cloud|linux|686]
. "$(dirname "$0")/stage.sh"

out=${1:-$build/guests/initrd.img} flavour=${2:-cloud}
stage=$build/guests/stage-$flavour
rm -rf "$stage"
[ "$flavour" = 686 ] && busybox=$cache/686/root/bin/busybox
stage_busybox
rm "$stage/bin/poweroff" "$stage/bin/reboot"
install -m 755 "$here/guest/end" "$stage/bin/poweroff"
install -m 755 "$here/guest/end" "$stage/bin/reboot"
install -m 755 "$here/guest/init" "$stage/init"
install -m 755 "$here/guest/udhcpc" "$stage/etc/udhcpc"
install -m 644 "$here/guest/profile" "$stage/etc/profile"
list=$here/guest/modules
if [ "$flavour" = linux ]; then
    list=$build/guests/modules.linux
    { cat "$here/guest/modules" && echo 'ext4: crc32c_generic'; } >"$list"
fi
stage_modules "$cache/$flavour/modules/kernel" "$list" ''
pack "$out"
say "guest's initramfs: $(stat -c %s "$out") bytes"
