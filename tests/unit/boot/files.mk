# SPDX-License-Identifier: MIT
# What the boot unit tests are made of, for this folder's Makefile and its parent's. Static liblz4: its XXH32 is not exported by the shared one.
UNIT_BOOT_TESTED := boot/unpack.c boot/mbi.c boot/cmdline.c boot/decompress/bcj.c boot/decompress/crc32.c \
	boot/decompress/gzip.c boot/decompress/lz4.c boot/decompress/lzma2.c boot/decompress/xz.c \
	boot/decompress/zstd.c boot/elf.c boot/elf_note.c boot/string.c lib/fmt.c lib/log.c lib/string.c
UNIT_BOOT_TESTS := test_main.c pack.c test_unpack.c test_elf.c test_mbi.c test_cmdline.c
UNIT_BOOT_LIBS := -lz -lzstd -l:liblz4.a
