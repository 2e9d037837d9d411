/* SPDX-License-Identifier: MIT */
/* The texts. What a column means is the column's to say; here is only how it is set. */
#include "lines.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SHOWN 12 /* hypercalls by rate */

void lines_clear(struct lines *l)
{
    for (size_t i = 0; i < l->count; i++)
        free(l->line[i]);
    free(l->line);
    *l = (struct lines){0};
}

static void add(struct lines *l, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void add(struct lines *l, const char *format, ...)
{
    char **more = realloc(l->line, (l->count + 1) * sizeof(*more));
    va_list args;

    if (!more)
        return;
    l->line = more;
    va_start(args, format);
    if (vasprintf(&l->line[l->count], format, args) >= 0)
        l->count++;
    va_end(args);
}

/* The mean of piece i of `pieces` of what a ring holds; not a number: not known. */
static double piece(const float *ring, unsigned int taken, unsigned int i, unsigned int pieces)
{
    unsigned int have = taken < HISTORY ? taken : HISTORY, end = (i + 1) * have / pieces, count = 0;
    double sum = 0;

    for (unsigned int k = i * have / pieces; k < end; k++) {
        double value = (double)ring[(taken - have + k) % HISTORY];
        if (isnan(value))
            continue;
        sum += value;
        count++;
    }
    return count ? sum / count : NAN;
}

/* All that the ring holds in `width` places at most; the highest character stands for `most`. */
static void sparkline(const float *ring, unsigned int taken, double most, bool has_utf8, int width, char *buffer)
{
    static const char *const fine[] = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    static const char *const plain[] = {" ", ".", ".", ":", "-", "=", "+", "*", "#"};
    unsigned int have = taken < HISTORY ? taken : HISTORY, n = have < (unsigned)width ? have : (unsigned)width;

    buffer[0] = 0;
    for (unsigned int i = 0; i < n; i++) {
        double share = piece(ring, taken, i, n) / most;
        int step = !(share > 0) ? 0 : share >= 1 ? 8 : 1 + (int)(share * 7.99);
        buffer = stpcpy(buffer, (has_utf8 ? fine : plain)[step]);
    }
}

static void add_history(struct lines *l, const struct model *m, uint64_t id, bool has_utf8, int width)
{
    static const struct column bytes = {.kind = C_BYTES}, time = {.kind = C_SECONDS};
    static const char *const names[] = {"CPU%", "STEAL%", "DISK", "NET"};
    const struct history *h = model_history(m, id);
    char bars[4 * HISTORY + 1], most_text[16], time_text[16];
    double seconds;

    if (!h || !h->taken)
        return;
    seconds = h->taken < HISTORY ? h->taken : HISTORY;
    column_text(&time, &seconds, time_text, sizeof(time_text));
    add(l, "The last %s, and the most", time_text);
    for (int kind = 0; kind < HISTORIES; kind++) {
        double most = 0;
        for (unsigned int i = 0; i < HISTORY && i < h->taken; i++)
            most = fmax(most, (double)h->value[kind][i]);
        column_text(&bytes, &most, most_text, sizeof(most_text));
        most = kind <= HISTORY_STEAL ? fmax(100, ceil(most / 100) * 100) : fmax(most, 1);
        sparkline(h->value[kind], h->taken, most, has_utf8, width - 13 > 10 ? width - 13 : 10, bars);
        add(l, "%-6s %5s %s", names[kind], most_text, bars);
    }
    add(l, "%s", "");
}

static void add_rates(struct lines *l, const char *title, const struct top_rate *r, size_t count)
{
    if (count)
        add(l, "%s", title);
    for (size_t i = 0; i < count; i++)
        add(l, "  %-32s %10.0f/s", r[i].name, r[i].rate);
    if (count)
        add(l, "%s", "");
}

static const struct top_domain *find(const struct model *m, double id)
{
    const struct top_domain *d = m->row[TOP_DOMAINS];

    for (size_t i = 0; i < m->rows[TOP_DOMAINS]; i++)
        if (d[i].id == id)
            return &d[i];
    return NULL;
}

void lines_host(struct lines *l, const struct model *m, int width)
{
    struct top_rate call[SHOWN], event[SHOWN];
    size_t calls = model_calls(m, MODEL_ALL, call, SHOWN), events = model_events(m, MODEL_ALL, event, SHOWN);
    int gap = width >= 100 ? 6 : 2;
    char line[160];

    lines_clear(l);
    for (size_t row = 0; lines_memory_row(m, row, line, sizeof(line)); row++)
        add(l, "%s", line);
    if (m->now.uses)
        add(l, "%s", "");
    if (calls || events)
        add(l, "%-34s%*s%s", "Hypercalls of all domains", gap, "", "What the hypervisor had to do");
    for (size_t i = 0; i < calls || i < events; i++) {
        char left[48] = "", right[48] = "";
        if (i < calls)
            snprintf(left, sizeof(left), "  %-20.20s %9.0f/s", call[i].name, call[i].rate);
        if (i < events)
            snprintf(right, sizeof(right), "  %-27.27s %9.0f/s", event[i].name, event[i].rate);
        add(l, "%-34s%*s%s", left, gap, "", right);
    }
}

/* ", percent": none where the number has letters behind it. */
static const char *unit_of(const struct column *c)
{
    static char text[40];

    snprintf(text, sizeof(text), "%s%s", c->unit[0] && c->kind != C_KIB ? ", " : "", c->kind == C_KIB ? "" : c->unit);
    return text;
}

void lines_one(struct lines *l, const struct model *m, const struct ui *u, bool has_utf8, int width)
{
    const struct table *t = &top_table[TOP_DOMAINS];
    const struct top_domain *d = find(m, u->domain);
    struct top_rate rates[SHOWN];
    char value[80];

    lines_clear(l);
    if (!d) {
        add(l, "%s is gone.", u->name);
        return;
    }
    add_history(l, m, (uint64_t)d->id, has_utf8, width);
    for (int k = 0; k < t->columns; k++) {
        column_text(&t->column[k], d, value, sizeof(value));
        add(l, "%-8s %10s %s%s", t->column[k].title, value, t->column[k].help, unit_of(&t->column[k]));
    }
    add(l, "%s", "");
    add_rates(l, "Hypercalls", rates, model_calls(m, (uint64_t)d->id, rates, SHOWN));
    add_rates(l, "What the hypervisor had to do", rates, model_events(m, (uint64_t)d->id, rates, SHOWN));
}

void lines_help(struct lines *l, const struct ui *u)
{
    static const char *const keys[] = {
        "1 2 3        domains, vCPUs, the host: its CPUs, and what it does",
        "4 5 6        ends of event channels, grants that are mapped, xenstore",
        "Enter        all of one domain, its console; open or shut a group; Esc: back",
        "l            what the hypervisor logged; Tab: what wirtd logged",
        "Up Down PgUp PgDn Home End    move; Left Right: other columns",
        "< >          sort by the column before, behind; r: the other way",
        "t            as a tree (domains by state, others by domain), and not",
        "/            tables: only rows with this in a text, Esc: all",
        "             pages of text: look for it; n N: behind, before",
        "s S p D      start, shut down, pause or go on, destroy",
        "m v w %      set memory, vCPUs, weight, cap",
        "c C          type on its console, beside or full screen; Ctrl-] leaves it",
        "Space        stand still; + -: slower, faster; Ctrl-L: draw anew",
        "M            mouse or not: it clicks on views, titles and rows",
        "xenstore     Right Left open, shut; e edits, D removes",
        "? q          this page; quit",
        "",
    };
    const struct table *t = &top_table[ui_table(u)];

    lines_clear(l);
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        add(l, "%s", keys[i]);
    add(l, "Columns of %s:", t->title);
    for (int k = 0; k < t->columns; k++)
        add(l, "  %-8s %s%s", t->column[k].title, t->column[k].help, unit_of(&t->column[k]));
}

void lines_log(struct lines *l, const char *text)
{
    lines_clear(l);
    while (*text) {
        const char *end = strchrnul(text, '\n');
        add(l, "%.*s", (int)(end - text), text);
        text = *end ? end + 1 : end;
    }
    if (!l->count)
        add(l, "%s", "The log is empty.");
}

void lines_summary(const struct model *m, const struct ui *u, char *buffer, size_t size)
{
    static const struct column kib = {.kind = C_KIB};
    double total = (double)m->now.memory_kib, free_kib = (double)m->now.free_kib;
    char all[16], left[16], busy[24] = "";
    size_t running = 0;

    for (size_t i = 0; i < m->now.domains; i++)
        running += m->now.domain[i].id != SAMPLE_NO_ID;
    column_text(&kib, &total, all, sizeof(all));
    column_text(&kib, &free_kib, left, sizeof(left));
    if (m->now.cpus && !isnan(m->busy))
        snprintf(busy, sizeof(busy), " %.0f%% busy", m->busy);
    snprintf(buffer, size, "wirt top  %zu domain%s  %zu CPU%s%s  memory %s, %s free  %s%g s%s", running,
             running == 1 ? "" : "s", m->now.cpus, m->now.cpus == 1 ? "" : "s", busy, all, left,
             u->is_frozen ? "standing still, " : "", u->delay_ms / 1000.0,
             m->now.has_statistics ? "" : "  (no statistics: not Wirt)");
}

static const char *const logs[] = {"/var/log/daemon.log", "/var/log/syslog", "/var/log/messages", "/var/log/wirtd.log"};

/* The last lines of a stream that name wirtd, one string. */
static char *daemon_lines(FILE *from)
{
    char line[1400], *text = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&text, &size);

    while (to && fgets(line, sizeof(line), from))
        if (strstr(line, "wirtd["))
            fputs(line, to);
    if (to)
        fclose(to);
    if (size)
        return text;
    free(text);
    return NULL;
}

char *lines_daemon_log(char *why, size_t size)
{
    FILE *from =
        access("/run/systemd/journal", F_OK) ? NULL : popen("journalctl -q -t wirtd -n 2000 --no-pager 2>&1", "re");
    char *text = from ? daemon_lines(from) : NULL;

    if (from)
        pclose(from);
    for (size_t i = 0; i < sizeof(logs) / sizeof(logs[0]) && !text; i++) {
        from = fopen(logs[i], "re");
        text = from ? daemon_lines(from) : NULL;
        if (from)
            fclose(from);
    }
    if (!text)
        snprintf(why, size, "Neither the journal nor %s, %s, %s or %s has a line of wirtd's.", logs[0], logs[1],
                 logs[2], logs[3]);
    return text;
}
