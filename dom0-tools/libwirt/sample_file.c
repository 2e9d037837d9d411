/* SPDX-License-Identifier: MIT */
/*
 * Samples as text. A line is a word and numbers: "sample", "cpu", "domain", "vcpu", and "end" behind the last record of
 * a sample; "channel", "mapping" and "use" where they were looked at. The numbers are the members of the structures in
 * their order, by tables; a domain's name stands last, as it is. Long rows of counters are pairs INDEX:VALUE of those
 * that are not zero. What is not understood is refused with its line, and nothing of that sample is kept.
 */
#include "sample.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define LINE_MAX 8192

struct layout {
    const char *word;
    size_t size;
    unsigned int numbers; /* at the places below */
    const size_t *at;
};
#define AT(type, member) offsetof(struct type, member)
static const size_t of_sample[] = {AT(sample, at_ns),       AT(sample, memory_kib), AT(sample, free_kib),
                                   AT(sample, claimed_kib), AT(sample, tables_kib), AT(sample, cpu_khz)};
static const size_t of_cpu[] = {AT(sample_cpu, id), AT(sample_cpu, idle_ns), AT(sample_cpu, timer),
                                AT(sample_cpu, between), AT(sample_cpu, device)};
static const size_t of_domain[] = {AT(sample_domain, id),
                                   AT(sample_domain, state),
                                   AT(sample_domain, reason),
                                   AT(sample_domain, is_control),
                                   AT(sample_domain, is_assisted),
                                   AT(sample_domain, vcpus),
                                   AT(sample_domain, max_vcpus),
                                   AT(sample_domain, memory_kib),
                                   AT(sample_domain, max_memory_kib),
                                   AT(sample_domain, cpu_ns),
                                   AT(sample_domain, weight),
                                   AT(sample_domain, cap),
                                   AT(sample_domain, age_ns),
                                   AT(sample_domain, ports),
                                   AT(sample_domain, port_limit),
                                   AT(sample_domain, grants),
                                   AT(sample_domain, grant_limit),
                                   AT(sample_domain, maps),
                                   AT(sample_domain, map_limit),
                                   AT(sample_domain, disk_read_bytes),
                                   AT(sample_domain, disk_write_bytes),
                                   AT(sample_domain, disk_requests),
                                   AT(sample_domain, net_in_bytes),
                                   AT(sample_domain, net_out_bytes),
                                   AT(sample_domain, net_packets)};
static const size_t of_vcpu[] = {AT(sample_vcpu, domain),     AT(sample_vcpu, id),         AT(sample_vcpu, cpu),
                                 AT(sample_vcpu, state),      AT(sample_vcpu, run_ns),     AT(sample_vcpu, wait_ns),
                                 AT(sample_vcpu, blocked_ns), AT(sample_vcpu, offline_ns), AT(sample_vcpu, affinity)};
static const struct layout the_sample = {"sample", 0, COUNT(of_sample), of_sample},
                           the_cpu = {"cpu", sizeof(struct sample_cpu), COUNT(of_cpu), of_cpu},
                           the_domain = {"domain", sizeof(struct sample_domain), COUNT(of_domain), of_domain},
                           the_vcpu = {"vcpu", sizeof(struct sample_vcpu), COUNT(of_vcpu), of_vcpu};
static const size_t of_channel[] = {AT(sample_channel, domain), AT(sample_channel, port),
                                    AT(sample_channel, kind),   AT(sample_channel, vcpu),
                                    AT(sample_channel, peer),   AT(sample_channel, peer_port)};
static const size_t of_mapping[] = {AT(sample_mapping, mapper), AT(sample_mapping, granter), AT(sample_mapping, ref),
                                    AT(sample_mapping, frame), AT(sample_mapping, flags)};
static const struct layout the_channel = {"channel", sizeof(struct sample_channel), COUNT(of_channel), of_channel},
                           the_mapping = {"mapping", sizeof(struct sample_mapping), COUNT(of_mapping), of_mapping};
static const size_t of_use[] = {AT(sample_use, owner), AT(sample_use, use), AT(sample_use, kib)};
static const struct layout the_use = {"use", sizeof(struct sample_use), COUNT(of_use), of_use};
static const struct {
    char letter;
    size_t at, count;
} rows[] = {{'e', AT(sample_vcpu, event), SAMPLE_EVENTS},
            {'c', AT(sample_vcpu, call), SAMPLE_CALLS},
            {'l', AT(sample_vcpu, latency), SAMPLE_LATENCIES}};

void sample_clear(struct sample *s)
{
    free(s->domain);
    free(s->vcpu);
    free(s->cpu);
    free(s->channel);
    free(s->mapping);
    free(s->use);
    free(s->device);
    memset(s, 0, sizeof(*s));
}

static void write_numbers(FILE *to, const struct layout *l, const void *record)
{
    fputs(l->word, to);
    for (unsigned int i = 0; i < l->numbers; i++)
        fprintf(to, " %lu", *(const uint64_t *)(const void *)((const char *)record + l->at[i]));
}

bool sample_write(FILE *to, const struct sample *s)
{
    write_numbers(to, &the_sample, s);
    fprintf(to, " %d\n", s->has_statistics + 2 * s->has_channels + 4 * s->has_mappings + 8 * s->has_uses);
    for (size_t i = 0; i < s->cpus; i++) {
        write_numbers(to, &the_cpu, &s->cpu[i]);
        fputc('\n', to);
    }
    for (size_t i = 0; i < s->domains; i++) {
        write_numbers(to, &the_domain, &s->domain[i]);
        fprintf(to, " %s\n", s->domain[i].name);
    }
    for (size_t i = 0; i < s->vcpus; i++) {
        write_numbers(to, &the_vcpu, &s->vcpu[i]);
        for (size_t r = 0; r < COUNT(rows); r++) {
            const uint64_t *value = (const void *)((const char *)&s->vcpu[i] + rows[r].at);
            for (size_t n = 0; n < rows[r].count; n++)
                if (value[n])
                    fprintf(to, " %c%zu:%lu", rows[r].letter, n, value[n]);
        }
        fputc('\n', to);
    }
    for (size_t i = 0; i < s->channels; i++) {
        write_numbers(to, &the_channel, &s->channel[i]);
        fputc('\n', to);
    }
    for (size_t i = 0; i < s->mappings; i++) {
        write_numbers(to, &the_mapping, &s->mapping[i]);
        fputc('\n', to);
    }
    for (size_t i = 0; i < s->uses; i++) {
        write_numbers(to, &the_use, &s->use[i]);
        fputc('\n', to);
    }
    fputs("end\n", to);
    return fflush(to) == 0 && !ferror(to);
}

/* The numbers of a line, after its word; false: not as many. *rest: what is behind them. */
static bool read_numbers(const char *text, const struct layout *l, void *record, const char **rest)
{
    for (unsigned int i = 0; i < l->numbers; i++) {
        char *end;

        if (text[0] != ' ' || text[1] < '0' || text[1] > '9')
            return false;
        *(uint64_t *)(void *)((char *)record + l->at[i]) = strtoull(text + 1, &end, 10);
        text = end;
    }
    *rest = text;
    return true;
}

void *sample_grow(void *list, size_t *count, size_t size)
{
    size_t n = *count;
    char *at;

    memcpy(&at, list, sizeof(at));
    if (n % 64 == 0) {
        at = realloc(at, (n + 64) * size);
        if (!at)
            return NULL;
        memcpy(list, &at, sizeof(at));
    }
    memset(at + n * size, 0, size);
    (*count)++;
    return at + n * size;
}

/* A line that is numbers alone; its first word is the layout's. */
static bool take_plain(void *list, size_t *count, const struct layout *l, const char *line)
{
    void *record = sample_grow(list, count, l->size);
    const char *rest;

    return record && read_numbers(line + strlen(l->word), l, record, &rest) && !*rest;
}

static bool read_rows(const char *text, struct sample_vcpu *v)
{
    while (*text == ' ') {
        unsigned long n, value;
        int used = 0;
        char letter;
        size_t r = 0;

        if (sscanf(text, " %c%lu:%lu%n", &letter, &n, &value, &used) != 3)
            return false;
        while (r < COUNT(rows) && rows[r].letter != letter)
            r++;
        if (r == COUNT(rows) || n >= rows[r].count)
            return false;
        ((uint64_t *)(void *)((char *)v + rows[r].at))[n] = value;
        text += used;
    }
    return *text == 0;
}

/* One record into s. False: not understood, or no memory. */
static bool take_line(struct sample *s, const char *line)
{
    const char *rest;
    void *record;

    if (strncmp(line, "cpu ", 4) == 0)
        return take_plain(&s->cpu, &s->cpus, &the_cpu, line);
    if (strncmp(line, "channel ", 8) == 0)
        return take_plain(&s->channel, &s->channels, &the_channel, line);
    if (strncmp(line, "mapping ", 8) == 0)
        return take_plain(&s->mapping, &s->mappings, &the_mapping, line);
    if (strncmp(line, "use ", 4) == 0)
        return take_plain(&s->use, &s->uses, &the_use, line);
    if (strncmp(line, "vcpu ", 5) == 0)
        return (record = sample_grow(&s->vcpu, &s->vcpus, the_vcpu.size)) &&
               read_numbers(line + 4, &the_vcpu, record, &rest) && read_rows(rest, record);
    if (strncmp(line, "domain ", 7) == 0) {
        struct sample_domain *d = sample_grow(&s->domain, &s->domains, the_domain.size);
        if (!d || !read_numbers(line + 6, &the_domain, d, &rest) || *rest != ' ')
            return false;
        snprintf(d->name, sizeof(d->name), "%s", rest + 1);
        return true;
    }
    return false;
}

static int refuse(struct wirt *w, const char *name, unsigned int line, struct sample *s, const char *why)
{
    char object[200];

    sample_clear(s);
    snprintf(object, sizeof(object), "%s, line %u", name, line);
    return wirt_fail(w, WIRT_REFUSED, object, "read a sample", "such files come from wirt top --record", "%s", why);
}

int sample_read(struct wirt *w, FILE *from, const char *name, unsigned int *line, struct sample *out)
{
    char text[LINE_MAX];
    bool is_begun = false;
    unsigned long flags;
    const char *rest;

    memset(out, 0, sizeof(*out));
    while (fgets(text, sizeof(text), from)) {
        size_t length = strlen(text);

        (*line)++;
        if (length == 0 || text[length - 1] != '\n')
            return refuse(w, name, *line, out, "the line is too long, or cut off");
        text[length - 1] = 0;
        if (!is_begun) {
            if (strncmp(text, "sample ", 7) || !read_numbers(text + 6, &the_sample, out, &rest))
                return refuse(w, name, *line, out, "this is no sample");
            flags = strtoul(rest, NULL, 10);
            out->has_statistics = flags & 1;
            out->has_channels = flags & 2;
            out->has_mappings = flags & 4;
            out->has_uses = flags & 8;
            is_begun = true;
        } else if (strcmp(text, "end") == 0) {
            return 0;
        } else if (!take_line(out, text)) {
            return refuse(w, name, *line, out, "the record is not understood");
        }
    }
    if (is_begun)
        return refuse(w, name, *line, out, "the sample has no end");
    return wirt_fail(w, WIRT_NOT_FOUND, name, "read a sample", "", "there is no further one");
}
