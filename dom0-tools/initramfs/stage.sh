# SPDX-License-Identifier: MIT
# Theory: how an initramfs is put together; sourced by build.sh (dom0), tools.sh (what dom0 needs for domains) and
# guest.sh (the demo guest). It owns `stage`, the tree that is packed. The same inputs give the same bytes: sorted
# names, no dates, no owners. A kernel unpacks several archives one after the other as one tree.
. "$(dirname "${BASH_SOURCE[0]}")/../../tests/lib/common.sh"
here=$top/dom0-tools/initramfs
busybox=/usr/bin/busybox

# field MODULE-FILE KEY: the values of one key in a module's information section.
field() { tr '\0' '\n' <"$1" | sed -n "s/^$2=//p"; }

declare -A file_of
# index_modules DIR
index_modules() {
    local path name
    [ -d "$1" ] || die "no kernel in build/cache: run tests/lib/fetch.sh linux cloud"
    while read -r path; do
        name=${path##*/}
        file_of[${name%.ko}]=$path
        name=${name//-/_}
        file_of[${name%.ko}]=$path
    done < <(find -L "$1" -name '*.ko')
}

declare -A seen
order=
# add_module NAME: appends the module to `order`, after everything that it needs.
add_module() {
    local name=$1 dep path=${file_of[$1]-}
    [ -n "${seen[$name]-}" ] && return 0
    seen[$name]=1
    [ -n "$path" ] || die "the kernel has no module $name"
    for dep in $(field "$path" depends | tr ',' ' '); do add_module "$dep"; done
    order="$order $name"
    [ -e "$stage/lib/modules/$name.ko" ] || cp "$path" "$stage/lib/modules/$name.ko"
}

# stage_modules DIR LIST SUFFIX: modules of the kernel in DIR that the file LIST names.
# /lib/modules/load*: "module its-insmod-order"; /lib/modules/driver*: a function that names the module
# for a device, as one case statement, because a shell reads lines of a file slowly.
stage_modules() {
    local name first alias path suffix=$3
    index_modules "$1"
    mkdir -p "$stage/lib/modules"
    echo "driver$suffix() { case \$1 in" >"$stage/lib/modules/driver$suffix"
    while IFS=: read -r name first; do
        case $name in '' | '#'*) continue ;; esac
        seen=() order=
        for path in $first $name; do add_module "$path"; done
        printf '%s%s\n' "$name" "$order" >>"$stage/lib/modules/load$suffix"
        path=${file_of[$name]}
        for alias in $(field "$path" alias | grep -E '^(pci|virtio|scsi):'); do
            printf '%s) echo %s ;;\n' "$alias" "$name" >>"$stage/lib/modules/driver$suffix"
        done
    done <"$2"
    echo 'esac; }' >>"$stage/lib/modules/driver$suffix"
}

# stage_libraries PROGRAM: the shared libraries that it is linked with.
stage_libraries() {
    local library
    for library in $(ldd "$1" 2>/dev/null | grep -o '/[^ ]*'); do
        [ -e "$stage/lib/${library##*/}" ] || install -D -m 755 "$library" "$stage$library"
    done
}

# stage_program FILE DIR: copies a program and its libraries.
stage_program() {
    install -D -m 755 "$1" "$stage$2/$(basename "$1")"
    stage_libraries "$1"
}

stage_busybox() {
    mkdir -p "$stage"/{bin,dev,etc,proc,run,sys,tmp,mnt,root}
    ln -s bin "$stage/sbin"
    install -m 755 "$busybox" "$stage/bin/busybox"
    while read -r applet; do
        ln -s busybox "$stage/bin/$applet"
    done < <(/usr/bin/busybox --list | grep -vxE 'busybox|true')
}

# pack OUTPUT: lz4 (the old format, which kernels read) is what a kernel unpacks with the fewest instructions.
pack() {
    find "$stage" -exec touch -h -d @0 {} +
    mkdir -p "$(dirname "$1")"
    set -o pipefail
    (cd "$stage" && find . -mindepth 1 -printf '%P\n' | sort |
        cpio --quiet -o -H newc --reproducible -R 0:0) | lz4 -q -l -9 -c >"$1.part" || die "cpio failed"
    mv "$1.part" "$1"
}
