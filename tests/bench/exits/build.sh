#!/bin/bash
# SPDX-License-Identifier: MIT
# usage: build.sh OUT   makes the meter (tests/bench/exits), an ELF of some KiB at 1 MiB.
here=$(dirname "$0")
exec gcc -std=gnu11 -O2 -ffreestanding -fno-pic -no-pie -mno-red-zone -mgeneral-regs-only -fno-stack-protector \
    -fcf-protection=none -fno-asynchronous-unwind-tables -fno-strict-aliasing -Wall -Wextra -Werror -Wshadow \
    -Wno-main -I"$here/../../../hypervisor/include" -nostdlib -static -Wl,--build-id=none -Wl,-z,noexecstack \
    -Wl,-z,max-page-size=4096 -Wl,--no-warn-rwx-segments -Wl,-Ttext-segment=0x100000 -Wl,-e,start -Wl,-s \
    -o "$1" "$here/main.c" "$here/start.S"
