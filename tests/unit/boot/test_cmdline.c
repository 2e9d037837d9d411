/* SPDX-License-Identifier: MIT */
/*
 * boot/cmdline.c: values good and bad, what is said about them, and that wirt-command-line(7) names
 * each option.
 */
#include "test_boot.h"
#include "boot/cmdline.h"
#include "hw/layout.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct boot_options o;

static void parse(const char *line)
{
    test_log[0] = 0;
    cmdline_parse(line, &o);
}

static void test_values(void)
{
    parse("");
    CU_ASSERT(o.has_smp && o.has_smep && !o.has_noreboot && o.mem == ~0ull && o.maxcpus == 0);
    CU_ASSERT(!o.console && !o.dom0_mem.is_given && o.dom0_vcpus_max == CPU_MAX && test_log[0] == 0);
    parse("  /boot/wirt.gz placeholder console=com1,vga com1=115200,8n1\tloglvl=all "
          "dom0_mem=512M noreboot no-smep maxcpus=3 mem=2G sync_console "
          "console_timestamps=boot "
          "spec-ctrl=no");
    CU_ASSERT_STRING_EQUAL(test_log, "");
    CU_ASSERT(o.unknown_count == 0 && o.bad_count == 0);
    CU_ASSERT_STRING_EQUAL(o.console, "com1,vga");
    CU_ASSERT_STRING_EQUAL(o.com1, "115200,8n1");
    CU_ASSERT_STRING_EQUAL(o.loglvl, "all");
    CU_ASSERT(o.dom0_mem.is_given && o.dom0_mem.bytes == 512 << 20);
    CU_ASSERT(o.has_noreboot && !o.has_smep && o.has_timestamps);
    CU_ASSERT(o.maxcpus == 3 && o.mem == 2ull << 30);
    CU_ASSERT_STRING_EQUAL(o.spec_ctrl, "no");
    parse("nosmp smep=on no-xsave no-spec-ctrl -- root=/dev/xvda quiet");
    CU_ASSERT(!o.has_smp && o.has_smep && !o.has_xsave);
    CU_ASSERT_STRING_EQUAL(o.spec_ctrl, "no");
    CU_ASSERT_STRING_EQUAL(o.dom0_extra, "root=/dev/xvda quiet");
    parse("reboot=acpi");
    CU_ASSERT(!o.has_noreboot && o.bad_count == 0);
    parse("reboot=no");
    CU_ASSERT(o.has_noreboot && o.bad_count == 0);
    parse("no-smp console_timestamps=none dom0-max-vcpus=2 com1=");
    CU_ASSERT(!o.has_smp && !o.has_timestamps && o.dom0_vcpus_min == 2 && o.dom0_vcpus_max == 2);
    CU_ASSERT(o.com1 && !*o.com1);
}

static void bad(const char *line, const char *said)
{
    parse(line);
    if (!strstr(test_log, said))
        printf("\n    %s: \"%s\" lacks \"%s\"", line, test_log, said);
    CU_ASSERT_PTR_NOT_NULL(strstr(test_log, said));
}

static void test_bad(void)
{
    char *line;

    bad("dom0_men=512M", "unknown option \"dom0_men\": did you mean dom0_mem?");
    CU_ASSERT(o.unknown_count == 1 && o.bad_count == 0);
    bad("cosnole=com1", "did you mean console?");
    bad("frobnicate=2", "unknown option \"frobnicate\", left aside");
    bad("maxcpus=0", "maxcpus=0 is not understood");
    CU_ASSERT(o.maxcpus == 0 && o.bad_count == 1);
    bad("maxcpus=65", "maxcpus=65 is not");
    bad("maxcpus=2x", "maxcpus=2x is not");
    bad("maxcpus", "maxcpus is not");
    bad("mem=12Q", "mem=12Q is not");
    bad("mem=99999999999999999999T", "is not understood");
    bad("smep=perhaps", "smep=perhaps is not");
    CU_ASSERT(o.has_smep);
    bad("console", "console is not understood");
    bad("console_timestamps=sometimes", "sometimes is not");
    bad("dom0_mem=1G,min:x", "is not understood");
    CU_ASSERT(!o.dom0_mem.is_given);
    bad("dom0_mem=101%", "is not understood");
    bad("dom0_mem=", "is not understood");
    bad("dom0_max_vcpus=3-2", "is not understood");
    bad("dom0_max_vcpus=0", "is not understood");
    bad("dom0_max_vcpus=-", "is not understood");
    bad("ucode=scan", "ucode has no effect in Wirt");
    bad("no-cpufreq", "no-cpufreq has no effect");
    bad("crashkernel=256M", "crashkernel has no effect");
    bad("iommu=no", "iommu has no effect");
    bad("watchdog", "watchdog has no effect");
    line = malloc(6000);
    memset(line, 'a', 5999);
    line[5999] = 0;
    bad(line, "longer than 4095 characters");
    free(line);
}

static void dom0(const char *line, u64 available, u64 bytes, u64 bytes_max, bool is_met)
{
    u64 b, m;

    parse(line);
    CU_ASSERT_EQUAL(o.bad_count, 0);
    CU_ASSERT_EQUAL(cmdline_dom0_mem(&o, available, &b, &m) == NULL, is_met);
    if (b != bytes || m != bytes_max)
        printf("\n    %s: %lu %lu", line, (unsigned long)b, (unsigned long)m);
    CU_ASSERT(b == bytes && m == bytes_max);
}

static void test_dom0(void)
{
    const u64 k = 1024, M = k * k, G = k * M;

    dom0("", G, G - 64 * M, G, true);
    dom0("", 8 * G, 8 * G - 128 * M, 8 * G, true);
    dom0("dom0_mem=524288", G, 512 * M, G, true);
    dom0("dom0_mem=1048576B", G, M, G, true);
    dom0("dom0_mem=-256M", G, 768 * M, G, true);
    dom0("dom0_mem=50%", G, G / 100 * 50, G, true);
    dom0("dom0_mem=100M+10%", G, 100 * M + G / 100 * 10, G, true);
    dom0("dom0_mem=512M,max:512M", G, 512 * M, 512 * M, true);
    dom0("dom0_mem=max:512M", G, 512 * M, 512 * M, true);
    dom0("dom0_mem=min:600M,max:700M,500M", G, 600 * M, 700 * M, true);
    dom0("dom0_mem=1G,max:700M", G, 700 * M, 700 * M, true);
    dom0("dom0_mem=-2G,min:128M", G, 128 * M, G, true);
    dom0("dom0_mem=64G", G, G, G, false);
    dom0("dom0_mem=min:2G", G, G, G, false);
    dom0("dom0_mem=max:4G", G, G - 64 * M, G, true);
    parse("dom0_mem=64G");
    {
        u64 b, m;
        const char *error = cmdline_dom0_mem(&o, G, &b, &m);

        CU_ASSERT(error && strstr(error, "asks for 65536 MiB, the machine has 1024 MiB"));
    }
    parse("dom0_max_vcpus=2-4");
    CU_ASSERT(o.dom0_vcpus_min == 2 && o.dom0_vcpus_max == 4);
    parse("dom0_max_vcpus=2-");
    CU_ASSERT(o.dom0_vcpus_min == 2 && o.dom0_vcpus_max == CPU_MAX);
    parse("dom0_max_vcpus=-4");
    CU_ASSERT(o.dom0_vcpus_min == 1 && o.dom0_vcpus_max == 4);
}

static void test_damage(void)
{
    static const char alphabet[] = "dom0_mem=-%+,:KMGmax min 0123456789 no-com1 -- =smep console/";
    char line[200];

    for (u32 i = 0; i < test_rounds * 3; i++) {
        u64 n = test_random() % sizeof(line), b, m;

        for (u64 k = 0; k + 1 < n; k++)
            line[k] =
                test_random() % 50 ? alphabet[test_random() % (sizeof(alphabet) - 1)] : (char)(1 + test_random() % 255);
        line[n ? n - 1 : 0] = 0;
        if (n > 20 && i & 1)
            memcpy(line, "dom0_mem=", 9);
        parse(line);
        if (!cmdline_dom0_mem(&o, test_random() >> (test_random() % 64), &b, &m))
            CU_ASSERT(b <= m);
    }
}

/* Each option has its heading ".TP\n.BI name" or ".B name" in the man page; each ignored one is
 * listed. */
static void test_man_page(void)
{
    FILE *f = fopen("../../../dom0-tools/man/wirt-command-line.7", "r");
    static char text[65536];
    char word[64];
    size_t n;

    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    n = fread(text, 1, sizeof(text) - 1, f);
    fclose(f);
    text[n] = 0;
    for (char *from = text, *to = text; (*to = *from); from++) /* "\-" is a minus */
        if (!(from[0] == '\\' && from[1] == '-'))
            to++;
    for (u32 i = 0; i < cmdline_table_count; i++) {
        const char *tag[] = {"P\n.BI", "Q\n.BI"};
        bool is_there = false;

        for (u32 k = 0; k < ARRAY_COUNT(tag); k++) {
            snprintf(word, sizeof(word), ".T%s %s=", tag[k], cmdline_table[i].name);
            is_there |= strstr(text, word) != NULL;
        }
        if (!is_there)
            printf("\n    not in the man page: %s", cmdline_table[i].name);
        CU_ASSERT(is_there);
    }
    for (char *s = strtok(strchr(cmdline_ignored, '|') + 2, " "); s; s = strtok(NULL, " ")) {
        if (!strstr(text, s))
            printf("\n    not in the man page: %s", s);
        CU_ASSERT_PTR_NOT_NULL(strstr(text, s));
    }
}

void test_cmdline_register(void)
{
    CU_pSuite s = CU_add_suite("cmdline", NULL, NULL);

    CU_add_test(s, "values", test_values);
    CU_add_test(s, "unknown and not understood", test_bad);
    CU_add_test(s, "dom0_mem, dom0_max_vcpus", test_dom0);
    CU_add_test(s, "damage", test_damage);
    CU_add_test(s, "the man page has every option", test_man_page); /* last: eats the list */
}
