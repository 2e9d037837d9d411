/* SPDX-License-Identifier: MIT */
/*
 * Wirt's command line, in Xen's words. One table (cmdline.c) names each option, its type, its place
 * in struct boot_options and a line of help; wirt-command-line(7) is checked against it. What Wirt
 * does not know is named in the log and is never fatal; a bad value is named and the default stays.
 * Boot only.
 */
#ifndef WIRT_BOOT_CMDLINE_H
#define WIRT_BOOT_CMDLINE_H

#include "lib/types.h"

/* An amount of memory: bytes (negative: all that there is, less so much) plus a percentage of what
 * there is. */
struct boot_amount {
    bool is_given;
    s64 bytes;
    u32 percent;
};

struct boot_options {
    /* console.c's; text, NULL = default */
    const char *console, *com1, *com2, *loglvl;
    bool has_timestamps;
    /* dom0 */
    struct boot_amount dom0_mem, dom0_mem_min, dom0_mem_max;
    u32 dom0_vcpus_min, dom0_vcpus_max; /* 1 and CPU_MAX: as many as there are CPUs */
    bool has_dom0_vcpus_pin;
    const char *dom0_extra; /* behind " -- " on our own line: goes to the end of dom0's; NULL */
    /* machine */
    u64 mem;                      /* use no RAM at or above this physical address; ~0 */
    u32 maxcpus;                  /* 0: not given */
    bool has_smp;                 /* no-smp and nosmp clear it */
    bool has_noreboot;            /* stay at the panic message */
    bool has_smep, has_xsave;     /* may be used; true */
    const char *spec_ctrl;        /* text, NULL; "no" or "off" or "false" switches everything off */
    u32 unknown_count, bad_count; /* options not known, values not understood: each was logged */
};

/* Fills *options with defaults, then with what the line says; texts point into a static copy. Logs.
 */
void cmdline_parse(const char *line, struct boot_options *options);
/* dom0's memory now and the most it may ever have, in bytes, out of `available`: never more than
 * that, not rounded. NULL, or why dom0_mem= cannot be met, in words; the numbers are filled in even
 * then. */
const char *cmdline_dom0_mem(const struct boot_options *options, u64 available, u64 *bytes, u64 *bytes_max) __must_use;

enum cmdline_type { CMDLINE_BOOL, CMDLINE_U32, CMDLINE_SIZE, CMDLINE_TEXT, CMDLINE_CUSTOM };
struct cmdline_option {
    const char *name;
    enum cmdline_type type;
    u16 offset;       /* of the field in struct boot_options; CMDLINE_CUSTOM: unused */
    bool is_inverted; /* nosmp: giving it clears the boolean */
    u32 min, max;     /* of CMDLINE_U32 */
    bool (*parse)(const char *value, struct boot_options *options); /* custom; false: not understood */
    const char *help;
};
extern struct cmdline_option cmdline_table[];
extern const u32 cmdline_table_count;
extern char cmdline_ignored[]; /* names that Xen knows and Wirt has no use for, each with a blank behind */

#endif
