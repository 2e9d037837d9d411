# SPDX-License-Identifier: MIT
# Theory: makes what a boot must refuse, and judges how it is refused: the line of the table stands in the
# log, it names the hypervisor, and the machine then stands still, neither reset nor gone. Sourced by
# run-matrix. All inputs are made from the fetched kernel, without chance.

bad_dir=$build/boot/bad

# flip FILE OFFSET: overwrites 64 bytes in the middle of a payload.
flip() { head -c 64 /dev/zero | tr '\0' '\245' | dd of="$1" bs=1 seek="$2" conv=notrunc status=none; }

# bad_elf NOTES PADDR: one segment at PADDR, linked at the address a 64-bit PV kernel has.
bad_elf() {
    gcc -c -DNOTES="$1" -o "$bad_dir/elf.o" "$top/tests/boot/badelf.S" || die "badelf.S does not assemble"
    cat >"$bad_dir/elf.lds" <<TXT
PHDRS { text PT_LOAD FLAGS(7); note PT_NOTE FLAGS(4); }
SECTIONS {
    . = 0xffffffff80000000 + 0x1000000;
    .text : AT($2) { *(.text) } :text
    .note.Xen : { *(.note.Xen) } :text :note
    /DISCARD/ : { *(.note.gnu*) *(.comment) }
}
TXT
    ld -e _start -T "$bad_dir/elf.lds" -o "$bad_dir/elf" "$bad_dir/elf.o" 2>/dev/null || die "badelf.S does not link"
    kernel_file=$bad_dir/elf
}

# bad_acpi SIGNATURE: GRUB changes one byte of the firmware's table in memory. Where it lies is read from
# the log of a bare Linux on the same machine.
bad_acpi() {
    local map=$bad_dir/acpi.map
    if [ ! -s "$map" ]; then
        "$top/tests/boot/run-vm" --hv none --memory 512 --linux 'console=ttyS0 wirt.job=poweroff' \
            --log "$map.log" >/dev/null || die "bare Linux did not boot; see $map.log"
        sed -n 's/.*ACPI: \([A-Z]*\) *0x\([0-9A-F]*\) .*/\1 0x\2/p' "$map.log" >"$map"
    fi
    table=$(sed -n "s/^$1 //p" "$map")
    [ -n "$table" ] || die "no $1 in $map"
    # Byte 16 begins the table's OEM name, which only the checksum cares for.
    bad_options=(--grub "write_byte $((table + 16)) 90")
}

bad_make() {
    local source=$cache/linux/vmlinuz
    kernel_file=$source bad_options=()
    mkdir -p "$bad_dir"
    case $1 in
    good | none) return ;;
    elf) bad_elf "$2" "$3" && return ;;
    acpi) bad_acpi "$2" && return ;;
    corrupt-gzip | corrupt-lz4 | corrupt-zstd)
        "$top/tests/lib/repack.sh" "${1#corrupt-}" || die "repack failed"
        source=$build/kernels/bzImage-${1#corrupt-}
        ;;
    elf-cut) "$top/tests/lib/repack.sh" elf ;;
    esac
    kernel_file=$bad_dir/$1
    case $1 in
    random) head -c 3000000 "$source" | tail -c 1000000 >"$kernel_file" ;;
    text) yes 'This is a text and no kernel.' | head -n 2000 >"$kernel_file" ;;
    empty) : >"$kernel_file" ;;
    truncated) head -c 4000000 "$source" >"$kernel_file" ;;
    corrupt-*) cp "$source" "$kernel_file" && flip "$kernel_file" 5000000 ;;
    size-lies)
        # The unpacked size behind the payload, as the last four bytes of the image's payload give it.
        cp "$source" "$kernel_file"
        local end=$((20480 + 0x2cc + $(od -An -tu4 -j $((0x24c)) -N 4 "$source")))
        printf '\xf0\xff\xff\xff' | dd of="$kernel_file" bs=1 seek=$((end - 4)) conv=notrunc status=none
        ;;
    elf-cut) head -c 3000000 "$build/kernels/vmlinux" >"$kernel_file" ;;
    *) die "badinput.tsv: nothing known to make '$1'" ;;
    esac
}

# bad_judge RESULT LINE: a wanted reset is judged by the log and the way it ended; a halt by the line
# that came, and by a machine that still stands there afterwards.
bad_judge() {
    local ended want=pattern
    why=
    ended=$(field_of "$1" end)
    case $name in *-reboot) want=reset ;; esac
    expect_line "$2"
    [ -n "$why" ] || [ "$ended" = "$want" ] || why="the machine ended by '$ended' instead of '$want'"
    if [ -z "$why" ] && [ "$want" = pattern ] && [ "$(field_of "$1" halted)" != yes ]; then
        why="the line came, but the machine did not stay halted"
    fi
    if [ -z "$why" ] && [ "$hv" = wirt ]; then
        [ "$(grep -c 'Wirt: ' "$log")" -eq 1 ] || why="more than one last line"
    fi
}

badinput_run() {
    local name make vm options wirt_line xen_line line result row how
    while IFS= read -r row; do
        case $row in '' | '#'*) continue ;; esac
        # A tab is white space to `read`, which would drop empty columns; a bar stands in for it.
        IFS='|' read -r name make vm options wirt_line xen_line < <(
            printf '%s\n' "$row" | sed 's/|/\x01/g; s/\t/|/g')
        line=$wirt_line
        [ "$hv" = wirt ] || line=$xen_line
        line=${line//$'\x01'/|}
        if [ "$hv" = none ] || [ "$line" = - ] || ! [[ bad-$name =~ $only ]]; then continue; fi
        log=$logs/$hv-bad-$name.log
        # shellcheck disable=SC2086 # the table's words
        bad_make $make
        how=(--until "$line" --fail 'WIRT-INIT|WIRT-GRUB failed|Wirt panic|Halted, as noreboot')
        case $name in
        *-reboot) how=(--fail 'WIRT-INIT|WIRT-GRUB failed' --end reset) ;;
        *) options="noreboot $options" ;;
        esac
        # shellcheck disable=SC2086
        result=$("$top/tests/boot/run-vm" --hv "$hv" --memory 512 --kernel "$kernel_file" --timeout 60 \
            --linux 'console=hvc0 earlyprintk=xen wirt.job=poweroff' --log "$log" --linger 2 "${how[@]}" \
            --hv-options "console=com1 com1=115200,8n1 loglvl=all $options" "${bad_options[@]}" $vm)
        bad_judge "$result" "$line"
        report "bad-$name" "$(field_of "$result" wall)"
    done <"$top/tests/boot/badinput.tsv"
}
