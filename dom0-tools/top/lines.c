/* SPDX-License-Identifier: MIT */
/* The texts. What a column means is the column's to say; here is only how it is set. */
#include "lines.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

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

/* The last `width` values; the highest character stands for `most`. */
static void sparkline(const struct history *h, double most, bool has_utf8, int width, char *buffer, size_t size)
{
    static const char *const fine[] = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    static const char *const plain[] = {" ", ".", ".", ":", "-", "=", "+", "*", "#"};
    unsigned int have = h->taken < HISTORY ? h->taken : HISTORY, n = have < (unsigned)width ? have : (unsigned)width;
    size_t used = 0;

    buffer[0] = 0;
    for (unsigned int i = 0; i < n && used + 4 < size; i++) {
        double share = h->cpu[(h->taken - n + i) % HISTORY] / most;
        int step = share <= 0 ? 0 : share >= 1 ? 8 : 1 + (int)(share * 7.99);
        used += (size_t)snprintf(buffer + used, size - used, "%s", (has_utf8 ? fine : plain)[step]);
    }
}

static void add_history(struct lines *l, const struct model *m, uint64_t id, bool has_utf8, int width)
{
    const struct history *h = model_history(m, id);
    char bars[4 * HISTORY];
    double most = 100;

    if (!h || !h->taken)
        return;
    for (unsigned int i = 0; i < HISTORY && i < h->taken; i++)
        most = fmax(most, ceil(h->cpu[i] / 100) * 100);
    sparkline(h, most, has_utf8, width - 2, bars, sizeof(bars));
    add(l, "CPU%%, the last %u samples; the highest mark is %.0f%%", h->taken < HISTORY ? h->taken : HISTORY, most);
    add(l, " %s", bars);
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
        "1 2 3        domains, vCPUs, the host's CPUs",
        "Enter        all of one domain; Esc goes back",
        "l            what the hypervisor logged",
        "Up Down PgUp PgDn Home End    move; Left Right: other columns",
        "< >          sort by the column before, behind; r: the other way",
        "/            show only rows with this in a name or state; Esc: all",
        "s S p D c    start, shut down, pause or go on, destroy, console (Ctrl-] leaves it)",
        "Space        stand still; + -: slower, faster; Ctrl-L: draw anew",
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

void lines_memory(const struct model *m, int width, char *buffer, size_t size)
{
    double control = 0, guests = 0, free_kib = (double)m->now.free_kib, all = (double)m->now.memory_kib, at = 0;
    const char *marks = "0G.";

    for (size_t i = 0; i < m->now.domains; i++)
        *(m->now.domain[i].is_control ? &control : &guests) += (double)m->now.domain[i].memory_kib;
    width = width < (int)size - 1 ? width : (int)size - 1;
    memset(buffer, 'h', (size_t)width);
    buffer[width] = 0;
    for (int part = 0; part < 2 && all > 0; part++) {
        double end = at + (part ? guests : control) / all * width;
        for (int i = (int)round(at); i < (int)round(end) && i < width; i++)
            buffer[i] = marks[part];
        at = end;
    }
    for (int i = 0; all > 0 && i < (int)round(free_kib / all * width) && i < width; i++)
        buffer[width - 1 - i] = marks[2];
}
