/* SPDX-License-Identifier: MIT */
/*
 * Rows to lines, and where the cursor is among them. A line is known by what its row is called: numbers, name, or the
 * name of its group; so it is found again after each sample.
 */
#include "ui.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void ui_say(struct ui *u, bool is_bad, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(u->message, sizeof(u->message), format, args);
    va_end(args);
    u->is_bad = is_bad;
}

void ui_start(struct ui *u, int delay_ms)
{
    memset(u, 0, sizeof(*u));
    for (int t = 0; t < TOP_TABLES; t++)
        u->by[t] = (struct top_order){top_table[t].sort, top_table[t].is_descending, top_table[t].is_tree};
    u->domain = u->second = u->third = NAN;
    u->page = 1;
    u->delay_ms = delay_ms;
    u->has_mouse = true;
}

void ui_end(struct ui *u)
{
    free(u->order);
    free(u->line);
    free(u->fold);
}

bool ui_is_table(const struct ui *u)
{
    return u->view <= UI_GRANTS;
}

int ui_table(const struct ui *u)
{
    enum ui_view v = ui_is_table(u) ? u->view : u->back;

    return v <= UI_GRANTS ? (int)v : TOP_DOMAINS;
}

/* ---- lines ---- */

struct name { /* of a line */
    double domain, second, third;
    char text[3 * WIRT_NAME_MAX];
};

/* What names a row: domain and vCPU (CPU, port, reference) by number, and the name of one that does not run. */
static void name_row(const struct model *m, int table, size_t row, struct name *n)
{
    const struct top_domain *d = (const struct top_domain *)m->row[TOP_DOMAINS] + row;
    const struct top_vcpu *v = (const struct top_vcpu *)m->row[TOP_VCPUS] + row;
    const struct top_cpu *c = (const struct top_cpu *)m->row[TOP_CPUS] + row;
    const struct top_channel *e = (const struct top_channel *)m->row[TOP_CHANNELS] + row;
    const struct top_mapping *g = (const struct top_mapping *)m->row[TOP_MAPPINGS] + row;

    *n = (struct name){NAN, NAN, NAN, ""};
    if (table == TOP_DOMAINS) {
        n->domain = d->id;
        memcpy(n->text, d->name, sizeof(d->name));
    } else if (table == TOP_VCPUS) {
        n->domain = v->domain;
        n->second = v->id;
        memcpy(n->text, v->name, sizeof(v->name));
    } else if (table == TOP_CPUS) {
        n->second = c->id;
    } else if (table == TOP_CHANNELS) {
        n->domain = e->domain;
        n->second = e->port;
        memcpy(n->text, e->name, sizeof(e->name));
    } else {
        n->domain = g->mapper;
        n->second = g->granter;
        n->third = g->ref;
        memcpy(n->text, g->name, sizeof(g->name));
    }
}

/* A group: the texts of the columns that make it. "=" before it: no domain has such a name. */
static void name_group(const struct model *m, int table, size_t row, struct name *n)
{
    const struct table *t = &top_table[table];
    size_t used = 0;

    *n = (struct name){NAN, NAN, NAN, ""};
    for (size_t i = 0; i < sizeof(t->group) / sizeof(t->group[0]) && used + 1 < sizeof(n->text); i++) {
        char text[WIRT_NAME_MAX + 1];
        if (t->group[i] < 0)
            continue;
        column_text(&t->column[t->group[i]], (const char *)m->row[table] + row * t->row_size, text, sizeof(text));
        used += (size_t)snprintf(n->text + used, sizeof(n->text) - used, "=%s", text);
    }
}

static void name_line(const struct ui *u, const struct model *m, const struct ui_line *l, struct name *n)
{
    if (l->members)
        name_group(m, ui_table(u), u->order[l->at], n);
    else
        name_row(m, ui_table(u), u->order[l->at], n);
}

static struct ui_fold *find_fold(const struct ui *u, const char *name)
{
    for (size_t i = 0; i < u->folds; i++)
        if (u->fold[i].table == ui_table(u) && strcmp(u->fold[i].name, name) == 0)
            return &u->fold[i];
    return NULL;
}

/* From the order: every row a line, or in a tree the group's head and, if it is open, its rows. */
static void make_lines(struct ui *u, const struct model *m, size_t rows)
{
    int t = ui_table(u);
    struct ui_line *line = realloc(u->line, (2 * rows + 1) * sizeof(*line));
    bool is_tree = u->by[t].is_tree && top_table[t].group[0] >= 0;
    struct name n;

    u->count = 0;
    if (!line)
        return;
    u->line = line;
    for (size_t i = 0, end; i < rows; i = end) {
        bool is_open = true;
        end = i + 1;
        if (is_tree) {
            while (end < rows && model_is_same_group(m, t, u->order[i], u->order[end]))
                end++;
            name_group(m, t, u->order[i], &n);
            is_open = top_table[t].is_open != (find_fold(u, n.text) != NULL);
            line[u->count++] = (struct ui_line){i, end - i, is_open};
        }
        for (size_t k = i; k < end && is_open; k++)
            line[u->count++] = (struct ui_line){k, 0, false};
    }
}

void ui_row(const struct ui *u, const struct model *m, const struct ui_line *l, void *row)
{
    int t = ui_table(u), size = (int)top_table[t].row_size;
    const struct column *first = &top_table[t].column[top_table[t].group[0] < 0 ? 0 : top_table[t].group[0]];
    char *name = (char *)row + top_table[t].column[1].at, text[WIRT_NAME_MAX + 1];

    if (!l->members) {
        memcpy(row, (const char *)m->row[t] + u->order[l->at] * top_table[t].row_size, (size_t)size);
        return;
    }
    memset(row, 0, (size_t)size);
    table_sum(&top_table[t], m->row[t], u->order + l->at, l->members, row);
    if (first->kind == C_TEXT)
        column_text(first, row, text, sizeof(text));
    else
        snprintf(text, sizeof(text), "%s", name);
    snprintf(name, WIRT_NAME_MAX + 1, "%c %.50s (%zu)", l->is_open ? '-' : '+', text, l->members);
}

void ui_fold(struct ui *u, const struct model *m, int change)
{
    struct ui_fold *f, *more;
    struct name n;

    if (!u->by[ui_table(u)].is_tree || u->cursor >= u->count || top_table[ui_table(u)].group[0] < 0)
        return;
    while (u->cursor && !u->line[u->cursor].members) /* the group that it is in */
        u->cursor--;
    name_line(u, m, &u->line[u->cursor], &n);
    memcpy(u->name, n.text, sizeof(u->name));
    u->domain = u->second = u->third = NAN;
    f = find_fold(u, n.text);
    if (change == 0 || (change > 0) != u->line[u->cursor].is_open) {
        if (f) {
            *f = u->fold[--u->folds];
        } else if ((more = realloc(u->fold, (u->folds + 1) * sizeof(*more)))) {
            u->fold = more;
            u->fold[u->folds].table = ui_table(u);
            memcpy(u->fold[u->folds++].name, n.text, sizeof(n.text));
        }
    }
    ui_update(u, m);
}

/* ---- the cursor ---- */

static bool is_same(double a, double b)
{
    return a == b || (isnan(a) && isnan(b));
}

static void remember(struct ui *u, const struct model *m)
{
    struct name n = {NAN, NAN, NAN, ""};

    if (!ui_is_table(u)) /* its domain stays the one that was entered */
        return;
    if (u->cursor < u->count)
        name_line(u, m, &u->line[u->cursor], &n);
    u->domain = n.domain;
    u->second = n.second;
    u->third = n.third;
    memcpy(u->name, n.text, sizeof(u->name));
}

static void keep_in_sight(struct ui *u)
{
    size_t page = u->page > 0 ? (size_t)u->page : 1;

    if (u->cursor >= u->count)
        u->cursor = u->count ? u->count - 1 : 0;
    if (u->cursor < u->first)
        u->first = u->cursor;
    if (u->cursor >= u->first + page)
        u->first = u->cursor - page + 1;
    if (u->first + page > u->count)
        u->first = u->count > page ? u->count - page : 0;
}

void ui_update(struct ui *u, const struct model *m)
{
    int t = ui_table(u);
    struct name n;

    make_lines(u, m, model_order(m, t, u->filter, &u->by[t], &u->order));
    for (size_t i = 0; i < u->count && (u->name[0] || !isnan(u->second)); i++) {
        name_line(u, m, &u->line[i], &n);
        if (is_same(n.domain, u->domain) && is_same(n.second, u->second) && is_same(n.third, u->third) &&
            strcmp(n.text, u->name) == 0) {
            u->cursor = i;
            break;
        }
    }
    keep_in_sight(u);
    remember(u, m);
}

/* Up to and down from, in rows or lines. */
void ui_move(struct ui *u, const struct model *m, long by)
{
    size_t page = (size_t)u->page, lines = u->text ? u->text->count : 0, most = lines > page ? lines - page : 0;

    if (!ui_is_table(u)) {
        u->scroll = u->scroll < most ? u->scroll : most;
        u->scroll = by < 0 && u->scroll < (size_t)-by ? 0 : u->scroll + (size_t)by;
        if (u->scroll >= most) /* it stays at the end, also when more comes */
            u->scroll = u->view == UI_LOG ? SIZE_MAX : most;
        return;
    }
    u->cursor = by < 0 && u->cursor < (size_t)-by ? 0 : u->cursor + (size_t)by;
    keep_in_sight(u);
    remember(u, m);
}

void ui_show(struct ui *u, const struct model *m, enum ui_view view)
{
    if (view > UI_GRANTS && ui_is_table(u))
        u->back = u->view;
    u->view = view;
    u->scroll = view == UI_LOG ? SIZE_MAX : 0;
    u->found = 0;
    u->text = NULL;
    u->shift = view <= UI_GRANTS ? 0 : u->shift;
    u->message[0] = 0;
    if (view <= UI_GRANTS) {
        u->name[0] = 0;
        u->second = NAN;
        u->cursor = u->first = 0;
        ui_update(u, m);
    }
}

void ui_leave(struct ui *u, const struct model *m)
{
    if (!ui_is_table(u)) {
        u->view = u->back;
        u->scroll = 0;
        u->text = NULL;
        ui_update(u, m);
    } else if (u->filter[0]) {
        u->filter[0] = 0;
        ui_update(u, m);
    }
}
