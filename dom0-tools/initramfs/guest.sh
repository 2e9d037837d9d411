#!/bin/bash
# SPDX-License-Identifier: MIT
# Theory: makes the demo guest's initramfs: busybox, one init, the two front-end drivers of Debian's cloud kernel.
# usage: guest.sh OUTPUT
. "$(dirname "$0")/stage.sh"

out=${1:-$build/guests/initrd.img}
stage=$build/guests/stage
rm -rf "$stage"
stage_busybox
rm "$stage/bin/poweroff" "$stage/bin/reboot"
install -m 755 "$here/guest/end" "$stage/bin/poweroff"
install -m 755 "$here/guest/end" "$stage/bin/reboot"
install -m 755 "$here/guest/init" "$stage/init"
install -m 755 "$here/guest/udhcpc" "$stage/etc/udhcpc"
install -m 644 "$here/guest/profile" "$stage/etc/profile"
stage_modules "$cache/cloud/modules/kernel" "$here/guest/modules" ''
pack "$out"
say "guest's initramfs: $(stat -c %s "$out") bytes"
