/* SPDX-License-Identifier: MIT */
/*
 * Numbers of the command line: whole ones with their limits, amounts of memory, sets of CPUs. What is wrong is said
 * with what would be right.
 */
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "config.h"

int parse_number(struct run *r, const char *what, const char *text, uint64_t least, uint64_t most, uint64_t *value)
{
    if (config_number(text, value) && *value >= least && *value <= most)
        return 0;
    return usage_fail(r, "%s is '%.40s', and has to be a number from %lu to %lu", what, text, least, most);
}

int parse_memory(struct run *r, const char *text, uint64_t *kib)
{
    static const char names[] = "KMGTkmgt";
    size_t digits = strspn(text, "0123456789");
    const char *unit = text + digits;
    char number[24];
    uint64_t value;
    unsigned shift = 10; /* from the unit to KiB */

    snprintf(number, sizeof(number), "%.*s", (int)digits, text);
    if (unit[0]) {
        const char *at = strchr(names, unit[0]);

        shift = at ? (unsigned)((at - names) % 4) * 10 : 99;
        if (unit[1] && strcmp(unit + 1, "iB") && strcmp(unit + 1, "B"))
            shift = 99;
    }
    if (shift == 99 || digits > 19 || !config_number(number, &value) || !value)
        return usage_fail(r, "'%.40s' is no amount of memory: 512M, 2G, or a number of MiB", text);
    if (value > (UINT64_C(16) << 30) >> shift)
        return usage_fail(r, "'%.40s' is more than 16 TiB", text);
    *kib = value << shift;
    return 0;
}

int parse_cpus(struct run *r, const char *text, uint64_t *cpus)
{
    const char *fault;

    if (!strcmp(text, "all")) {
        *cpus = UINT64_MAX;
        return 0;
    }
    fault = config_cpus(text, cpus);
    return fault ? usage_fail(r, "'%.40s' is no set of CPUs: %s", text, fault) : 0;
}

void cpus_text(uint64_t cpus, char *buffer, size_t size)
{
    if (!cpus || cpus == UINT64_MAX)
        snprintf(buffer, size, "all");
    else
        config_cpus_text(cpus, buffer, size);
}
