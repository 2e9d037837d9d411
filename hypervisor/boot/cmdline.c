/* SPDX-License-Identifier: MIT */
/*
 * Xen's command line: words between blanks, name=value, plain names and no-names for booleans; "_"
 * and "-" are the same. The line is copied and cut in place, so texts stay valid as long as the
 * boot section does. A new option is a line in cmdline_table and one in wirt-command-line(7). Boot
 * only; nothing here is fatal.
 */
#include "boot/cmdline.h"
#include "boot/string.h"
#include "hw/layout.h"
#include "lib/fmt.h"
#include "lib/log.h"

#define CMDLINE_MAX 4096u
#define WORD_MAX    32u

static char __initdata cmdline_copy[CMDLINE_MAX];

/* Known to Xen's documentation, without effect here. Silent ones first, up to the bar. */
char __initdata cmdline_ignored[] =
    "placeholder no-real-mode edd edid sync_console | "
    "acpi acpi_pstate_strict acpi_skip_timer_override acpi_sleep allow_unsafe altp2m apic "
    "apic_verbosity apicv argo asid async-show-all ats badpage bootscrub bootscrub_chunk "
    "buddy-alloc-size cet clocksource cmci-threshold conring_size console_to_ring cpu_type cpufreq cpuid "
    "cpuid_mask_cpu cpuid_mask_ecx cpuid_mask_edx cpuid_mask_ext_ecx cpuid_mask_ext_edx "
    "cpuidle cpuinfo crashinfo_maxaddr crashkernel credit2_balance_over credit2_balance_under "
    "credit2_cap_period_ms credit2_load_precision_shift credit2_load_window_shift "
    "credit2_runqueue dbgp debug_stack_lines debugtrace dma_bits dom0 dom0-cpuid dom0-iommu "
    "dom0_ioports_disable dom0_nodes dom0_shadow e820-mtrr-clip e820-verbose efi ept "
    "extra_guest_irqs flask font force-ept gdb global-pages gnttab gnttab_max_frames "
    "gnttab_max_maptrack_frames guest_loglvl hap hap_1gb hap_2mb hardware_dom highmem-start hmp-unsafe "
    "hpet hvm_debug hvm_fep hvm_port80 idle_latency_factor invpcid ioapic_ack iommu "
    "iommu_dev_iotlb_timeout iommu_inclusive_mapping irq_ratelimit irq_vector_map ivrs_hpet "
    "ivrs_ioapic lapic lapic_timer_c2_ok ler low_crashinfo low_mem_virq_limit max_cstate "
    "max_gsi_irqs mce mce_fb mce_verbosity mmcfg mmio-relax msi mtrr.show mwait-idle nmi "
    "noapic nofxsr noirqbalance nolapic nomtrr numa partial_emulation pci pci-phantom pcid "
    "pku ple_gap ple_window psr pv pv-l1tf pv-linear-pt rcu-idle-timer-period-ms rmrr ro-hpet "
    "sched sched-gran sched_credit_tslice_ms sched_ratelimit_us sched_smt_power_savings "
    "scrub-domheap serial_tx_buffer serrors shim_mem smap smt snb_igd_quirk tboot tbuf_size tdt "
    "tevt_mask tickle_one_idle_cpu timer_slop tsc tsx ucode unrestricted_guest "
    "vcpu_migration_delay vesa-map vesa-mtrr vesa-ram vga viridian-spinlock-retry-count "
    "vm-notify-window vpid vpmu vwfi watchdog watchdog_timeout x2apic x2apic-mode x2apic_phys "
    "xenheap_megabytes xpti xsm ";

static bool __init cmdline_bool(const char *s, bool *out)
{
    static const char yes[] = " yes on true enable 1 ", no[] = " no off false disable 0 ";
    char word[WORD_MAX];

    if (!*s) {
        *out = true;
        return true;
    }
    if (strchr(s, ' ') || fmt(word, sizeof(word), " %s ", s) >= (int)sizeof(word))
        return false;
    *out = strstr(yes, word);
    return *out || strstr(no, word);
}

/* A number and b, k, m, g or t; kilobytes without one, as in Xen. */
static bool __init cmdline_size(const char *s, const char **end, u64 *out)
{
    const char *suffix;
    u64 v = str_to_u64(s, &suffix);
    char c = (char)(*suffix | 0x20);
    u32 shift = c == 'b' ? 0 : c == 'm' ? 20 : c == 'g' ? 30 : c == 't' ? 40 : 10;

    if (suffix == s || v > (~0ull >> 1) >> shift)
        return false;
    *end = suffix + (c == 'b' || c == 'k' || c == 'm' || c == 'g' || c == 't' ? 1 : 0);
    *out = v << shift;
    return true;
}

static bool __init cmdline_u32(const char *s, const char **end, u32 *out)
{
    u64 v = str_to_u64(s, end);

    *out = (u32)v;
    return *end != s && v <= ~0u;
}

/* [-]size, percent% or size+percent%, up to a comma or the end. */
static bool __init cmdline_amount(const char *s, const char **end, struct boot_amount *out)
{
    struct boot_amount a = {.is_given = true};
    bool is_negative = *s == '-';
    u64 bytes;

    s += is_negative;
    (void)str_to_u64(s, end);
    if (*end == s)
        return false;
    if (**end != '%') {
        if (!cmdline_size(s, end, &bytes))
            return false;
        a.bytes = is_negative ? -(s64)bytes : (s64)bytes;
        s = **end == '+' ? *end + 1 : NULL;
    }
    if (s && (!cmdline_u32(s, end, &a.percent) || **end != '%' || a.percent > 100 || (is_negative && a.bytes == 0)))
        return false;
    *end += s ? 1 : 0;
    *out = a;
    return **end == 0 || **end == ',';
}

static bool __init cmdline_dom0_mem_parse(const char *s, struct boot_options *o)
{
    struct boot_options new = *o;

    if (!*s)
        return false;
    while (*s) {
        struct boot_amount *a = &new.dom0_mem;

        if (strncmp(s, "min:", 4) == 0)
            a = &new.dom0_mem_min;
        else if (strncmp(s, "max:", 4) == 0)
            a = &new.dom0_mem_max;
        if (!cmdline_amount(a == &new.dom0_mem ? s : s + 4, &s, a))
            return false;
        s += *s == ',';
    }
    *o = new;
    return true;
}

/* N, N-M, N- or -M */
static bool __init cmdline_dom0_vcpus_parse(const char *s, struct boot_options *o)
{
    u32 low = 1, high = CPU_MAX;
    bool has_low = *s != '-';

    if (has_low && !cmdline_u32(s, &s, &low))
        return false;
    if (has_low && !*s)
        high = low;
    else if (*s++ != '-' || (!*s && !has_low) || (*s && (!cmdline_u32(s, &s, &high) || *s)))
        return false;
    if (low == 0 || low > high || low > CPU_MAX)
        return false;
    o->dom0_vcpus_min = low;
    o->dom0_vcpus_max = min(high, (u32)CPU_MAX);
    return true;
}

/* none, or one of the formats; all of ours are the time since boot. */
static bool __init cmdline_timestamps_parse(const char *s, struct boot_options *o)
{
    if (strcmp(s, "none") == 0)
        o->has_timestamps = false;
    else if (strcmp(s, "date") == 0 || strcmp(s, "datems") == 0 || strcmp(s, "boot") == 0 || strcmp(s, "raw") == 0)
        o->has_timestamps = true;
    else
        return cmdline_bool(s, &o->has_timestamps);
    return true;
}

/* Of Xen's ways Wirt tries all, one after the other; only the wish not to reboot at all is one. */
static bool __init cmdline_reboot_parse(const char *s, struct boot_options *o)
{
    o->has_noreboot |= *s == 'n';
    return strchr("acefknptwx", *s) && *s;
}

#define FIELD(f) .offset = offsetof(struct boot_options, f)
struct cmdline_option __initdata cmdline_table[] = {
    {"com1", CMDLINE_TEXT, FIELD(com1), .help = "first serial port"},
    {"com2", CMDLINE_TEXT, FIELD(com2), .help = "second serial port"},
    {"console", CMDLINE_TEXT, FIELD(console), .help = "where the log is shown"},
    {"console_timestamps", CMDLINE_CUSTOM, .parse = cmdline_timestamps_parse, .help = "time before each line"},
    {"dom0_max_vcpus", CMDLINE_CUSTOM, .parse = cmdline_dom0_vcpus_parse, .help = "CPUs of dom0"},
    {"dom0_mem", CMDLINE_CUSTOM, .parse = cmdline_dom0_mem_parse, .help = "memory of dom0"},
    {"dom0_vcpus_pin", CMDLINE_BOOL, FIELD(has_dom0_vcpus_pin), .help = "pin them one to one"},
    {"loglvl", CMDLINE_TEXT, FIELD(loglvl), .help = "what is shown"},
    {"maxcpus", CMDLINE_U32, FIELD(maxcpus), .min = 1, .max = CPU_MAX, .help = "CPUs to start"},
    {"mem", CMDLINE_SIZE, FIELD(mem), .help = "no RAM from this address on"},
    {"noreboot", CMDLINE_BOOL, FIELD(has_noreboot), .help = "halt after a failure"},
    {"nosmp", CMDLINE_BOOL, FIELD(has_smp), .is_inverted = true, .help = "one CPU"},
    {"reboot", CMDLINE_CUSTOM, .parse = cmdline_reboot_parse, .help = "\"no\" is noreboot"},
    {"smep", CMDLINE_BOOL, FIELD(has_smep), .help = "use SMEP"},
    {"smp", CMDLINE_BOOL, FIELD(has_smp), .help = "all CPUs"},
    {"spec-ctrl", CMDLINE_TEXT, FIELD(spec_ctrl), .help = "speculation policy"},
    {"xsave", CMDLINE_BOOL, FIELD(has_xsave), .help = "offer XSAVE to guests"},
};
const u32 cmdline_table_count = ARRAY_COUNT(cmdline_table);

static bool __init cmdline_is_same(const char *a, const char *b)
{
    for (; *a && *b; a++, b++)
        if (*a != *b && !((*a == '-' || *a == '_') && (*b == '-' || *b == '_')))
            return false;
    return *a == *b;
}

static const struct cmdline_option *__init cmdline_find(const char *name)
{
    for (u32 i = 0; i < cmdline_table_count; i++)
        if (cmdline_is_same(cmdline_table[i].name, name))
            return &cmdline_table[i];
    return NULL;
}

/* 0: not in the list; 1: without effect; 2: without effect in Xen too. */
static u32 __init cmdline_ignored_find(const char *name)
{
    u32 result = 2;
    char word[48];

    for (const char *s = cmdline_ignored; *s;) {
        const char *end = strchr(s, ' ');

        str_copy(word, s, min((u64)(end - s) + 1, sizeof(word)));
        if (strcmp(word, "|") == 0)
            result = 1;
        else if (cmdline_is_same(word, name))
            return result;
        s = end + 1;
    }
    return 0;
}

/* Edits (insert, drop, change or swap a letter) that turn a into b; names longer than 31 are far
 * from everything. */
static u32 __init cmdline_distance(const char *a, const char *b)
{
    u8 row[3][WORD_MAX + 1];
    u64 n = strlen(a), m = strlen(b);

    if (n >= WORD_MAX || m >= WORD_MAX)
        return WORD_MAX;
    for (u64 j = 0; j <= m; j++)
        row[0][j] = (u8)j;
    for (u64 i = 1; i <= n; i++) {
        u8 *now = row[i % 3], *up = row[(i + 2) % 3], *up2 = row[(i + 1) % 3];

        now[0] = (u8)i;
        for (u64 j = 1; j <= m; j++) {
            u8 best = (u8)(up[j - 1] + (a[i - 1] != b[j - 1]));

            best = (u8)min(best, up[j] + 1);
            best = (u8)min(best, now[j - 1] + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                best = (u8)min(best, up2[j - 2] + 1);
            now[j] = best;
        }
    }
    return row[n % 3][m];
}

static void __init cmdline_unknown(const char *name)
{
    const char *near = NULL;
    u32 best = strlen(name) < 5 ? 2 : 3;

    for (u32 i = 0; i < cmdline_table_count; i++) {
        u32 d = cmdline_distance(name, cmdline_table[i].name);

        if (d < best) {
            best = d;
            near = cmdline_table[i].name;
        }
    }
    if (near)
        log_warn("command line: unknown option \"%s\": did you mean %s?", name, near);
    else
        log_warn("command line: unknown option \"%s\", left aside", name);
}

/* false: value not understood, the option keeps what it had. */
static bool __init cmdline_set(const struct cmdline_option *t, const char *value, bool has_value,
                               struct boot_options *o)
{
    u8 *field = (u8 *)o + t->offset;
    const char *end;
    u64 size;
    u32 number;
    bool is_on;

    switch (t->type) {
    case CMDLINE_BOOL:
        if (!cmdline_bool(value, &is_on))
            return false;
        *(bool *)field = is_on != t->is_inverted;
        return true;
    case CMDLINE_U32:
        if (!cmdline_u32(value, &end, &number) || *end || number < t->min || number > t->max)
            return false;
        memcpy(field, &number, sizeof(number));
        return true;
    case CMDLINE_SIZE:
        if (!cmdline_size(value, &end, &size) || *end || size == 0)
            return false;
        memcpy(field, &size, sizeof(size));
        return true;
    case CMDLINE_TEXT:
        if (!has_value)
            return false;
        memcpy(field, &value, sizeof(value));
        return true;
    case CMDLINE_CUSTOM:
        return t->parse(value, o);
    }
    return false;
}

static void __init cmdline_word(char *word, struct boot_options *o)
{
    char *value = strchr(word, '=');
    bool has_value = value, is_negated = false;
    const struct cmdline_option *t;
    u32 ignored;

    if (value)
        *value++ = 0;
    t = cmdline_find(word);
    ignored = t ? 0 : cmdline_ignored_find(word);
    if (!t && !ignored && !value && strncmp(word, "no-", 3) == 0) {
        t = cmdline_find(word + 3);
        ignored = t ? 0 : cmdline_ignored_find(word + 3);
        is_negated = t;
    }
    if (ignored == 1) {
        log_info("command line: %s has no effect in Wirt", word);
    } else if (!t && !ignored) {
        o->unknown_count++;
        cmdline_unknown(word);
    } else if (t && !cmdline_set(t, is_negated ? "no" : has_value ? value : "", has_value || is_negated, o)) {
        o->bad_count++;
        log_warn("command line: %s%s%s is not understood, %s stays as it was (see "
                 "wirt-command-line(7))",
                 word, has_value ? "=" : "", has_value ? value : "", t->name);
    }
}

static void __init cmdline_defaults(struct boot_options *o)
{
    memset(o, 0, sizeof(*o));
    o->dom0_vcpus_min = 1;
    o->dom0_vcpus_max = CPU_MAX;
    o->mem = ~0ull;
    o->has_smp = o->has_smep = o->has_xsave = true;
}

/* Some loaders put the file's name first; no option has a slash in its name. */
static bool __init cmdline_is_path(const char *word)
{
    const char *slash = strchr(word, '/'), *equal = strchr(word, '=');

    return slash && (!equal || slash < equal);
}

void __init cmdline_parse(const char *line, struct boot_options *options)
{
    char *s = cmdline_copy, *extra;
    bool is_first = true;

    cmdline_defaults(options);
    if (str_copy(cmdline_copy, line, CMDLINE_MAX) >= CMDLINE_MAX)
        log_warn("command line: longer than %u characters, the rest is left aside", CMDLINE_MAX - 1);
    extra = strstr(s, " -- ");
    if (extra) {
        *extra = 0;
        options->dom0_extra = extra + 4;
    }
    while (*s) {
        char *word = s;

        while (*s && *s != ' ' && *s != '\t')
            s++;
        if (*s)
            *s++ = 0;
        if (*word && !(is_first && cmdline_is_path(word)))
            cmdline_word(word, options);
        is_first = is_first && !*word;
    }
}

/* An amount out of `available`, saturated to [0, 2^63). */
static u64 __init cmdline_resolve(const struct boot_amount *a, u64 available)
{
    u64 percent = available / 100 * a->percent;

    if (a->bytes < 0)
        return (u64)-a->bytes >= available ? 0 : available - (u64)-a->bytes;
    return (u64)a->bytes + percent;
}

const char *__init cmdline_dom0_mem(const struct boot_options *options, u64 available, u64 *bytes, u64 *bytes_max)
{
    static char __initdata message[128];
    const u64 reserve = min(available / 16, 128ull << 20); /* as in Xen: for Wirt and its guests */
    u64 low = cmdline_resolve(&options->dom0_mem_min, available);
    u64 high = options->dom0_mem_max.is_given ? cmdline_resolve(&options->dom0_mem_max, available) : available;
    u64 wanted =
        options->dom0_mem.is_given ? cmdline_resolve(&options->dom0_mem, available) : min(available - reserve, high);

    *bytes_max = min(high, available);
    if (wanted <= available && wanted > *bytes_max)
        wanted = *bytes_max; /* max: wins over the plain amount, min: over both */
    wanted = max(wanted, low);
    *bytes = min(wanted, available);
    *bytes_max = max(*bytes_max, *bytes);
    if (wanted <= available)
        return NULL;
    fmt(message, sizeof(message), "dom0_mem asks for %lu MiB, the machine has %lu MiB to give",
        (unsigned long)(wanted >> 20), (unsigned long)(available >> 20));
    return message;
}
