/* SPDX-License-Identifier: MIT */
/*
 * boot/mbi.c over a made-up physical memory of 64 KiB at 0x10000 whose far end is a block's end
 * (ASan). Each test builds the information of one loader, good or damaged.
 */
#include "test_boot.h"
#include "boot/mbi.h"
#include <stdlib.h>
#include <string.h>

#define RAM_BASE 0x10000u
#define RAM_SIZE 0x10000u
#define REACH    0x5000u /* behind an address: 1,024 module entries and the like, which is as far as the parser goes */

static u8 *ram;
static u64 seen_outside;
void *mbi_va(u64 phys);

void *mbi_va(u64 phys)
{
    static u8 nowhere[REACH]; /* a wild pointer reads zeros, as absent memory might */

    if (phys < RAM_BASE || phys >= RAM_BASE + RAM_SIZE - REACH) {
        seen_outside++;
        return nowhere;
    }
    return ram + (phys - RAM_BASE);
}

static struct boot_info info;
static u32 at; /* of the next tag, from RAM_BASE */

static void put32(u32 where, u32 v)
{
    memcpy(ram + where, &v, 4);
}

static void put64(u32 where, u64 v)
{
    memcpy(ram + where, &v, 8);
}

static void mb2_start(void)
{
    memset(ram, 0, RAM_SIZE);
    at = 8;
}

/* Room for a tag's contents, whose offset in ram it returns. */
static u32 mb2_tag(u32 type, u32 size)
{
    u32 body = at + 8;

    put32(at, type);
    put32(at + 4, size + 8);
    at += (size + 8 + 7) & ~7u;
    return body;
}

static void mb2_text(u32 type, u32 before, const char *text)
{
    u32 body = mb2_tag(type, before + (u32)strlen(text) + 1);

    strcpy((char *)ram + body + before, text);
}

static const char *mb2_end(void)
{
    mb2_tag(0, 0);
    put32(0, at);
    return mbi_parse(MBI_MAGIC2, RAM_BASE, &info);
}

static void mb2_map(void)
{
    u32 b = mb2_tag(6, 8 + 2 * 24);

    put32(b, 24);
    put64(b + 8, 0);
    put64(b + 16, 0x9fc00);
    put32(b + 24, 1);
    put64(b + 32, 0x100000);
    put64(b + 40, 0x3ff00000);
    put32(b + 48, 1);
}

static void mb2_good(void)
{
    u32 b;

    mb2_start();
    mb2_text(1, 0, "placeholder com1=115200");
    mb2_text(2, 0, "GRUB 2.06-13+deb12u1");
    mb2_text(3, 8, "placeholder root=/dev/sda1 ro");
    put32(at - 40 + 8 - 8, 0); /* nothing: alignment only */
    b = mb2_tag(3, 9);
    put32(b, 0x3000000);
    put32(b + 4, 0x3800000);
    b = mb2_tag(8, 32);
    put64(b, 0x80000000);
    put32(b + 8, 1024 * 4);
    put32(b + 12, 1024);
    put32(b + 16, 768);
    ram[b + 20] = 32;
    ram[b + 21] = 1;
    memcpy(ram + b + 24, "\20\10\10\10\0\10", 6);
    mb2_map();
    b = mb2_tag(14, 20);
    memcpy(ram + b, "RSD PTR ", 8);
    b = mb2_tag(15, 36);
    memcpy(ram + b, "RSD PTR ", 8);
    put64(mb2_tag(12, 8), 0x7ff00018);
    mb2_tag(77, 5); /* unknown: passed over */
}

static void test_mb2(void)
{
    mb2_good();
    put32(8 + 32 + 32 + 8, 0x2000000); /* the first module's start and end */
    put32(8 + 32 + 32 + 12, 0x2800000);
    CU_ASSERT_PTR_NULL_FATAL(mb2_end());
    CU_ASSERT_EQUAL(info.version, 2);
    memset(ram, 0x5a, RAM_SIZE); /* strings do not live there any more */
    CU_ASSERT_STRING_EQUAL(info.cmdline, "placeholder com1=115200");
    CU_ASSERT_STRING_EQUAL(info.loader, "GRUB 2.06-13+deb12u1");
    CU_ASSERT_EQUAL(info.module_count, 2);
    CU_ASSERT_STRING_EQUAL(info.module[0].cmdline, "placeholder root=/dev/sda1 ro");
    CU_ASSERT(info.module[0].start == 0x2000000 && info.module[0].end == 0x2800000);
    CU_ASSERT_STRING_EQUAL(info.module[1].cmdline, "");
    CU_ASSERT_EQUAL(info.module[1].end, 0x3800000);
    CU_ASSERT_EQUAL(info.map_count, 2);
    CU_ASSERT(info.map[1].base == 0x100000 && info.map[1].length == 0x3ff00000 && info.map[1].type == 1);
    CU_ASSERT_EQUAL(info.video.kind, VGA_FRAMEBUFFER);
    CU_ASSERT(info.video.base == 0x80000000 && info.video.width == 1024 && info.video.height == 768);
    CU_ASSERT(info.video.red_pos == 16 && info.video.blue_size == 8);
    CU_ASSERT_EQUAL(info.rsdp_size, 36);
    CU_ASSERT(info.rsdp > RAM_BASE && info.rsdp < RAM_BASE + at);
    CU_ASSERT(info.is_efi && !info.is_efi32 && !info.has_boot_services);
    CU_ASSERT_EQUAL(info.efi_system_table, 0x7ff00018);
    CU_ASSERT(info.info_start == RAM_BASE && info.info_end == RAM_BASE + at);
}

static void test_mb2_other_maps(void)
{
    u32 b;

    mb2_start();
    b = mb2_tag(17, 8 + 3 * 48);
    put32(b, 48);
    for (u32 i = 0; i < 3; i++) {
        static const u32 types[] = {7, 9, 11};

        put32(b + 8 + i * 48, types[i]);
        put64(b + 16 + i * 48, i * 0x100000ull);
        put64(b + 32 + i * 48, 16);
    }
    CU_ASSERT_PTR_NULL_FATAL(mb2_end());
    CU_ASSERT_STRING_EQUAL(info.map_source, "EFI memory map");
    CU_ASSERT(info.map_count == 3 && info.map[0].type == 1 && info.map[1].type == 3 && info.map[2].type == 2);
    CU_ASSERT(info.map[1].base == 0x100000 && info.map[1].length == 0x10000);
    CU_ASSERT(info.efi_map == RAM_BASE + b + 8 && info.efi_map_size == 144 && info.is_efi);
    at -= 8;
    mb2_map(); /* behind it: wins */
    CU_ASSERT_PTR_NULL_FATAL(mb2_end());
    CU_ASSERT_STRING_EQUAL(info.map_source, "multiboot2 memory map");
    CU_ASSERT(info.map_count == 2 && info.efi_map != 0);

    mb2_start();
    b = mb2_tag(4, 8);
    put32(b, 639);
    put32(b + 4, 1023 * 1024);
    CU_ASSERT_PTR_NULL_FATAL(mb2_end());
    CU_ASSERT(info.map_count == 2 && info.map[0].length == 639 * 1024 && info.map[1].base == 0x100000);
    CU_ASSERT_EQUAL(info.map[1].length, 1023ull << 20);
    mb2_start();
    CU_ASSERT(strstr(mb2_end(), "gives no memory map") != NULL);
}

#define MISTAKE(change, part)                                                                                          \
    do {                                                                                                               \
        const char *error;                                                                                             \
        mb2_good();                                                                                                    \
        mb2_end();                                                                                                     \
        change;                                                                                                        \
        error = mbi_parse(MBI_MAGIC2, RAM_BASE, &info);                                                                \
        CU_ASSERT_PTR_NOT_NULL_FATAL(error);                                                                           \
        if (!strstr(error, part))                                                                                      \
            printf("\n    \"%s\" lacks \"%s\"", error, part);                                                          \
        CU_ASSERT_PTR_NOT_NULL(strstr(error, part));                                                                   \
    } while (0)

static void test_mb2_mistakes(void)
{
    MISTAKE(put32(0, 8), "impossible size 8");
    MISTAKE(put32(0, 0x40000000), "impossible size 1073741824");
    MISTAKE(put32(0, at - 8), "no end tag");
    MISTAKE(put32(12, 7), "tag 1 at byte 8 of");
    MISTAKE(put32(12, 0xfffffff8), "impossible size 4294967288");
    MISTAKE(put32(12, 8), "tag 1 has 8 bytes, at least 9");
    MISTAKE(put32(12, 20), "the string in tag 1 does not end");
    MISTAKE(put32(8 + 32 + 32 + 8, 1), "boot module 0 ends at 0x0, before its start 0x1");
    CU_ASSERT(strstr(mbi_parse(0x12345678, RAM_BASE, &info), "EAX is 0x12345678") != NULL);
}

static void test_mb2_many(void)
{
    u32 b;

    mb2_start();
    for (u32 i = 0; i < MBI_MODULE_MAX + 3; i++)
        mb2_text(3, 8, "x");
    b = mb2_tag(6, 8 + 300 * 24);
    put32(b, 24);
    for (u32 i = 0; i < 300; i++) {
        put64(b + 8 + i * 24, i * 0x10000ull);
        put64(b + 16 + i * 24, 0x1000);
        put32(b + 24 + i * 24, 1);
    }
    CU_ASSERT_PTR_NULL_FATAL(mb2_end());
    CU_ASSERT(info.module_count == MBI_MODULE_MAX && info.module_dropped == 3);
    CU_ASSERT(info.map_count == MBI_MAP_MAX && info.map_dropped == 300 - MBI_MAP_MAX);
}

/* As QEMU's -kernel makes it: file names first */
static void mb1_good(const char *loader)
{
    memset(ram, 0, RAM_SIZE);
    put32(0, 1 | 4 | 8 | 64 | 512);
    put32(4, 639);
    put32(8, 0x10000);
    put32(16, RAM_BASE + 0x1000);
    put32(20, 2);
    put32(24, RAM_BASE + 0x400);
    put32(44, 2 * 24);
    put32(48, RAM_BASE + 0x500);
    put32(64, RAM_BASE + 0x600);
    strcpy((char *)ram + 0x600, loader);
    strcpy((char *)ram + 0x1000, "build/wirt.elf  console=com1 ");
    strcpy((char *)ram + 0x1100, "vmlinuz");
    strcpy((char *)ram + 0x1200, "initrd a b");
    put32(0x400, 0x400000);
    put32(0x404, 0x500000);
    put32(0x408, RAM_BASE + 0x1100);
    put32(0x410, 0x600000);
    put32(0x414, 0x600000);
    put32(0x418, RAM_BASE + 0x1200);
    put32(0x500, 20);
    put64(0x504, 0);
    put64(0x50c, 0x9f000);
    put32(0x514, 1);
    put32(0x518, 20);
    put64(0x51c, 0x100000);
    put64(0x524, 0x7f00000);
    put32(0x52c, 1);
}

static void test_mb1(void)
{
    mb1_good("qemu");
    CU_ASSERT_PTR_NULL_FATAL(mbi_parse(MBI_MAGIC1, RAM_BASE, &info));
    CU_ASSERT_STRING_EQUAL(info.cmdline, "console=com1 ");
    CU_ASSERT_EQUAL(info.module_count, 2);
    CU_ASSERT_STRING_EQUAL(info.module[0].cmdline, "");
    CU_ASSERT_STRING_EQUAL(info.module[1].cmdline, "a b");
    CU_ASSERT(info.map_count == 2 && info.map[1].length == 0x7f00000);
    CU_ASSERT_EQUAL(info.video.kind, VGA_NONE);
    mb1_good("GRUB 2.06");
    CU_ASSERT_PTR_NULL_FATAL(mbi_parse(MBI_MAGIC1, RAM_BASE, &info));
    CU_ASSERT_STRING_EQUAL(info.cmdline, "build/wirt.elf  console=com1 ");
    CU_ASSERT_STRING_EQUAL(info.module[0].cmdline, "vmlinuz");
    put32(0, 1); /* lower and upper memory only */
    CU_ASSERT_PTR_NULL_FATAL(mbi_parse(MBI_MAGIC1, RAM_BASE, &info));
    CU_ASSERT(info.map_count == 2 && info.map[1].length == 0x4000000 && info.module_count == 0);
    mb1_good("qemu");
    put32(0x500, 4);
    CU_ASSERT(strstr(mbi_parse(MBI_MAGIC1, RAM_BASE, &info), "impossible size 4") != NULL);
    mb1_good("qemu");
    memset(ram + 0x1200, 'x', RAM_SIZE - 0x1200);
    CU_ASSERT(strstr(mbi_parse(MBI_MAGIC1, RAM_BASE, &info), "module 1 does not end") != NULL);
    mb1_good("qemu");
    put32(20, 0x7fffffff);
    CU_ASSERT_PTR_NOT_NULL(mbi_parse(MBI_MAGIC1, RAM_BASE, &info));
}

static void test_damage(void)
{
    u32 good = 0;

    for (u32 i = 0; i < test_rounds * 2; i++) {
        bool is_2 = i & 1;
        u32 hits = 1 + (u32)(test_random() % 4), size;

        if (is_2) {
            mb2_good();
            mb2_end();
            size = at;
        } else {
            mb1_good("qemu");
            size = 0x540;
        }
        while (hits--)
            ram[test_random() % size] ^= (u8)(1u << test_random() % 8);
        /* Lengths that reach far are the loader's word against ours: keep the walk within `ram`. */
        if (is_2) {
            ram[2] &= 0xe0; /* 64 KiB to 2 MiB */
        } else {
            put32(44, 48);
            put32(48, RAM_BASE + 0x500);
        }
        good += !mbi_parse(is_2 ? MBI_MAGIC2 : MBI_MAGIC1, RAM_BASE, &info);
        CU_ASSERT(info.module_count <= MBI_MODULE_MAX && info.map_count <= MBI_MAP_MAX);
    }
    CU_ASSERT(good > 0);
}

static int start(void)
{
    ram = malloc(RAM_SIZE);
    return ram == NULL;
}

static int stop(void)
{
    free(ram);
    return 0;
}

void test_mbi_register(void)
{
    CU_pSuite s = CU_add_suite("mbi", start, stop);

    CU_add_test(s, "multiboot2", test_mb2);
    CU_add_test(s, "EFI map, mem_lower, nothing", test_mb2_other_maps);
    CU_add_test(s, "mistakes are named", test_mb2_mistakes);
    CU_add_test(s, "too many", test_mb2_many);
    CU_add_test(s, "multiboot 1", test_mb1);
    CU_add_test(s, "damage", test_damage);
}
