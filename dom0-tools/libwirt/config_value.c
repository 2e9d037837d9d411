/* SPDX-License-Identifier: MIT */
/*
 * The values that stand in a configuration: numbers, names, UUIDs, MACs, sets of CPUs, amounts of memory. All of it is
 * pure; each check says what would be right, for the message. A type has a pattern too, in the language of XML schemas,
 * which goes into schema/domain.rng: the tests hold the two against each other.
 */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config.h"

/* Blanks around a value are no part of it, in a schema's "token" neither; inside a path they count, so it is a "string"
 * with the blanks spelled out. */
#define BLANKS "[ \\t\\n\\r]*"
const struct value_type config_types[] = {
    {"name", "token", "[0-9]*[A-Za-z_+][A-Za-z0-9._+\\-]*|[0-9]+[.\\-][A-Za-z0-9._+\\-]*", WIRT_NAME_MAX,
     "1 to 63 of A-Z a-z 0-9 . _ + -, not a number alone, not beginning with . or -"},
    {"number", "token", "[0-9]{1,19}", 0, "a decimal number"},
    {"count", "token", "[1-9][0-9]{0,18}", 0, "a decimal number above 0"},
    {"uuid", "token", "[0-9a-fA-F]{8}\\-?([0-9a-fA-F]{4}\\-?){3}[0-9a-fA-F]{12}", 0,
     "a UUID, 8-4-4-4-12 hexadecimal digits"},
    {"mac", "token", "[0-9a-fA-F]{2}(:[0-9a-fA-F]{2}){5}", 0, "six pairs of hexadecimal digits, 00:16:3e:01:02:03"},
    {"cpus", "token", "[0-9,\\^\\-]+", 0, "a set of CPUs such as 0-3,^2"},
    {"path", "string", BLANKS "/[^\\t\\n\\r]*[^ \\t\\n\\r]" BLANKS, 0, "an absolute path"},
    {"target", "token", "xvd[a-z][a-z]?([1-9][0-9]?)?", 0, "xvda to xvdzz, a partition's number may follow"},
    {"ifname", "token", "[A-Za-z0-9._\\-]{1,15}", 0, "1 to 15 of A-Z a-z 0-9 . _ -"},
    {"any", "text", NULL, 0, "any text"},
    {NULL, NULL, NULL, 0, NULL},
};

bool config_number(const char *text, uint64_t *value)
{
    size_t digits = text ? strspn(text, "0123456789") : 0;

    if (digits < 1 || digits > 19 || text[digits])
        return false;
    *value = strtoull(text, NULL, 10);
    return true;
}

bool config_name_is_valid(const char *name)
{
    size_t length = strlen(name);

    return length >= 1 && length <= WIRT_NAME_MAX && name[0] != '.' && name[0] != '-' &&
           strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._+-") == length &&
           strspn(name, "0123456789") != length;
}

/* COUNT pairs of hexadecimal digits; SKIP passes over what stands between them, NULL if that is wrong. */
static bool hex_bytes(const char *text, uint8_t *bytes, unsigned count, const char *(*skip)(const char *, unsigned))
{
    for (unsigned i = 0; i < count; i++) {
        unsigned value;

        text = skip(text, i);
        if (!text || !isxdigit((unsigned char)text[0]) || !isxdigit((unsigned char)text[1]))
            return false;
        sscanf(text, "%2x", &value);
        bytes[i] = (uint8_t)value;
        text += 2;
    }
    return !*text;
}

static const char *skip_dash(const char *text, unsigned at)
{
    bool is_border = at == 4 || at == 6 || at == 8 || at == 10;

    return is_border && *text == '-' ? text + 1 : text;
}

static const char *skip_colon(const char *text, unsigned at)
{
    if (at == 0)
        return text;
    return *text == ':' ? text + 1 : NULL;
}

bool config_uuid(const char *text, uint8_t uuid[16])
{
    return hex_bytes(text, uuid, 16, skip_dash);
}

bool config_mac(const char *text, uint8_t mac[6])
{
    return hex_bytes(text, mac, 6, skip_colon);
}

/* FNV-1a, 64 bits. */
static uint64_t hash(uint64_t state, const char *text)
{
    for (; *text; text++)
        state = (state ^ (uint8_t)*text) * 0x100000001b3u;
    return state;
}

/* A configuration without a UUID has the same one each time it is read on this machine, and another one elsewhere: the
 * MACs that are made from it stay, and do not meet those of the next machine. */
void config_uuid_from_name(const char *name, uint8_t uuid[16])
{
    char machine[65] = "";
    FILE *file = fopen("/etc/machine-id", "re");

    if (!file || !fgets(machine, sizeof(machine), file))
        gethostname(machine, sizeof(machine) - 1);
    if (file)
        fclose(file);
    for (unsigned half = 0; half < 2; half++) {
        uint64_t value = hash(hash(0xcbf29ce484222325u + half, machine), name);

        value ^= value >> 29;
        value *= 0xbf58476d1ce4e5b9u;
        value ^= value >> 32;
        memcpy(uuid + 8 * half, &value, 8);
    }
    uuid[6] = (uint8_t)((uuid[6] & 0x0f) | 0x80); /* version 8: made in a way of one's own */
    uuid[8] = (uint8_t)((uuid[8] & 0x3f) | 0x80);
}

static const char *cpu_number(const char **text, unsigned *cpu)
{
    char *end;
    unsigned long value;

    if (!isdigit((unsigned char)**text))
        return "a CPU's number is missing";
    value = strtoul(*text, &end, 10);
    if (end - *text > 9 || value > 63)
        return "CPUs are 0 to 63";
    *text = end;
    *cpu = (unsigned)value;
    return NULL;
}

const char *config_cpus(const char *text, uint64_t *cpus)
{
    const char *fault;

    for (*cpus = 0;; text++) {
        bool does_clear = *text == '^';
        unsigned first, last;
        uint64_t bits = 0;

        text += does_clear;
        fault = cpu_number(&text, &first);
        if (fault)
            return fault;
        last = first;
        if (*text == '-' && !does_clear) {
            text++;
            fault = cpu_number(&text, &last);
            if (fault)
                return fault;
        }
        if (last < first)
            return "a range goes from the lower CPU to the higher";
        for (unsigned cpu = first; cpu <= last; cpu++)
            bits |= UINT64_C(1) << cpu;
        *cpus = does_clear ? *cpus & ~bits : *cpus | bits;
        if (*text != ',')
            break;
    }
    if (*text)
        return "CPUs are apart by commas, ranges are 0-3, ^2 leaves one out";
    return *cpus ? NULL : "the set is empty";
}

void config_cpus_text(uint64_t cpus, char *buffer, size_t size)
{
    size_t used = 0;

    buffer[0] = 0;
    for (unsigned cpu = 0; cpu < 64 && used < size; cpu++) {
        unsigned last = cpu;

        if (!(cpus >> cpu & 1))
            continue;
        while (last < 63 && (cpus >> (last + 1) & 1))
            last++;
        used +=
            (size_t)snprintf(buffer + used, size - used, last > cpu ? "%s%u-%u" : "%s%u", used ? "," : "", cpu, last);
        cpu = last;
    }
}

bool config_kib(uint64_t value, const char *unit, uint64_t *kib)
{
    static const struct {
        const char *names;
        uint64_t bytes;
    } units[] = {
        {"b|bytes", 1},     {"KB", 1000},       {"k|K|KiB", 1 << 10},  {"MB", 1000000},       {"M|MiB", 1 << 20},
        {"GB", 1000000000}, {"G|GiB", 1 << 30}, {"TB", 1000000000000}, {"T|TiB", 1ull << 40},
    };
    uint64_t bytes;

    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (config_value_fault(units[i].names, unit))
            continue;
        if (__builtin_mul_overflow(value, units[i].bytes, &bytes) || bytes > UINT64_MAX - 1023)
            return false;
        *kib = (bytes + 1023) / 1024;
        return true;
    }
    return false;
}

static bool is_target(const char *text)
{
    size_t letters, digits;

    if (strncmp(text, "xvd", 3))
        return false;
    text += 3;
    letters = strspn(text, "abcdefghijklmnopqrstuvwxyz");
    text += letters;
    digits = strspn(text, "0123456789");
    return letters >= 1 && letters <= 2 && !text[digits] && digits <= 2 && (digits == 0 || text[0] != '0');
}

static bool is_of_type(const char *type, const char *text)
{
    uint8_t bytes[16];
    uint64_t number;
    size_t length = strlen(text);

    if (!strcmp(type, "name"))
        return config_name_is_valid(text);
    if (!strcmp(type, "number"))
        return config_number(text, &number);
    if (!strcmp(type, "count"))
        return config_number(text, &number) && text[0] != '0';
    if (!strcmp(type, "uuid"))
        return config_uuid(text, bytes);
    if (!strcmp(type, "mac"))
        return config_mac(text, bytes);
    if (!strcmp(type, "cpus"))
        return length && strspn(text, "0123456789,^-") == length;
    if (!strcmp(type, "path"))
        return text[0] == '/' && text[1] && !strpbrk(text, "\t\n\r") && length < 4096;
    if (!strcmp(type, "target"))
        return is_target(text);
    if (!strcmp(type, "ifname"))
        return length >= 1 && length <= 15 &&
               strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") == length;
    return true;
}

const char *config_value_fault(const char *allowed, const char *text)
{
    size_t length = strlen(text);

    if (allowed[0] == '@') {
        const struct value_type *t = config_types;

        while (t->name && strcmp(t->name, allowed + 1))
            t++;
        return !t->name || is_of_type(t->name, text) ? NULL : t->means;
    }
    for (const char *word = allowed;; word++) {
        size_t word_length = strcspn(word, "|");

        if (word_length == length && !memcmp(word, text, length))
            return NULL;
        word += word_length;
        if (!*word)
            return allowed;
    }
}
