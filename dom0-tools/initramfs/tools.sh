#!/bin/bash
# SPDX-License-Identifier: MIT
# Theory: makes the dom0 image that runs domains: dom0's plain initramfs and behind it one more archive with our tools
# and xenstored, Debian's own (xl, xenstored, xenconsoled, xenstore-*), each with its libraries, the back-end drivers,
# and the demo guests in /wirt-guests. EXTRA=DIR puts that tree on top. Needs neither root nor network.
# usage: tools.sh OUTPUT
. "$(dirname "$0")/stage.sh"

out=${1:-$build/dom0/tools.img}
stage=$build/dom0/tools-stage
xl=$cache/xl/root

stage_ours() {
    local tool
    for tool in "$build"/dom0-tools/bin/* "$build"/xenstore-lite/xenstored "$build"/xenstore-lite/bin/*; do
        [ -f "$tool" ] && [ -x "$tool" ] && stage_program "$tool" /usr/sbin
    done
    mkdir -p "$stage/usr/lib/systemd/system"
    cp "$top"/dom0-tools/daemon/*.service "$top"/xenstore-lite/*.service "$stage/usr/lib/systemd/system/"
    [ -d "$top/dom0-tools/schema" ] && mkdir -p "$stage/usr/share/wirt" &&
        cp -r "$top/dom0-tools/schema" "$stage/usr/share/wirt/"
    for tool in linux xterm xterm-256color screen screen-256color vt100 vt220; do # what wirt top may find itself on
        [ -e "/lib/terminfo/${tool:0:1}/$tool" ] && install -D -m 644 "/lib/terminfo/${tool:0:1}/$tool" "$stage/lib/terminfo/${tool:0:1}/$tool"
    done
    return 0
}

# Debian's programs find their libraries where Debian has them; the bash is for their hotplug scripts.
stage_debian() {
    local bin=$xl/usr/lib/xen-4.17/bin program
    export LD_LIBRARY_PATH=$xl/usr/lib/x86_64-linux-gnu
    mkdir -p "$stage/usr/lib/x86_64-linux-gnu" "$stage/etc"
    cp -a "$xl"/usr/lib/x86_64-linux-gnu/lib*.so.* "$stage/usr/lib/x86_64-linux-gnu/"
    for program in xl xenstored xenconsoled xenconsole xen-init-dom0 libxl-save-helper xenctx lsevtchn; do
        install -D -m 755 "$bin/$program" "$stage/usr/lib/xen-4.17/bin/$program"
        stage_foreign "$bin/$program"
    done
    for program in "$xl"/usr/bin/xenstore-*; do
        install -D -m 755 "$program" "$stage/usr/bin/${program##*/}"
        stage_foreign "$program"
    done
    unset LD_LIBRARY_PATH
    for program in xl lsevtchn; do ln -s "../lib/xen-4.17/bin/$program" "$stage/usr/sbin/$program"; done
    cp -a "$xl/etc/xen" "$stage/etc/"
    stage_program /bin/bash /bin
    stage_program /usr/bin/flock /usr/bin
    stage_program /sbin/losetup /usr/bin
    stage_program /usr/bin/tmux /usr/bin # plays a person before wirt top; it wants a locale of UTF-8
    install -D -m 644 /usr/lib/locale/C.utf8/LC_CTYPE "$stage/usr/lib/locale/C.utf8/LC_CTYPE"
    # Loaded by name when a thread ends.
    cp -L /lib/x86_64-linux-gnu/libgcc_s.so.1 "$stage/usr/lib/x86_64-linux-gnu/"
}

# The libraries of a program of Debian's that do not come with it.
stage_foreign() {
    local library
    for library in $(ldd "$1" 2>/dev/null | grep -o '/[^ ]*' | grep -v "^$xl"); do
        [ -e "$stage/lib/x86_64-linux-gnu/${library##*/}" ] || install -D -m 755 "$library" "$stage$library"
    done
}

stage_guests() {
    local dir=$stage/wirt-guests micro
    mkdir -p "$dir"
    cp "$cache/cloud/vmlinuz" "$dir/vmlinuz"
    cp "$build/guests/initrd.img" "$dir/initrd.img"
    cp "$cache/pvgrub/root/usr/lib/grub-xen"/grub-{x86_64-xen,i386-xen_pvh}.bin "$dir/"
    cp "$here"/tools/guests/* "$dir/"
    for micro in "$build"/guests/*.elf; do [ -f "$micro" ] && cp "$micro" "$dir/"; done
    cp -r "$build/guests/hostile" "$dir/"
    return 0
}

rm -rf "$stage"
mkdir -p "$stage"/{jobs,usr/sbin,usr/bin,var,etc/wirt}
ln -s ../run "$stage/var/run"
install -m 755 "$here"/tools/jobs/* "$stage/jobs/"
stage_modules "$cache/linux/modules/kernel" "$here/modules.tools" .tools
stage_ours
stage_debian
stage_guests
[ -n "${EXTRA-}" ] && cp -a "$EXTRA/." "$stage/"
pack "$build/dom0/tools.part.img"
cat "$build/dom0/initrd.img" "$build/dom0/tools.part.img" >"$out.part" && mv "$out.part" "$out"
say "initramfs with tools: $(stat -c %s "$out") bytes"
