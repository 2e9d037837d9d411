/* SPDX-License-Identifier: MIT */
/* Keys, one function a mode. What ends a domain is asked once, what destroys it twice, and only y says yes. */
#include "ui.h"

#include <ctype.h>
#include <math.h>
#include <stdarg.h>
#include <string.h>

const char *const ui_verb[] = {"", "start", "shutdown", "pause", "unpause", "destroy", "console"};

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
    for (int t = 0; t < TOP_TABLES; t++) {
        u->sort[t] = top_table[t].sort;
        u->is_descending[t] = top_table[t].is_descending;
    }
    u->domain = u->second = NAN;
    u->page = 1;
    u->delay_ms = delay_ms;
}

int ui_table(const struct ui *u)
{
    enum ui_view v = u->view >= UI_ONE ? u->back : u->view;

    return v == UI_VCPUS ? TOP_VCPUS : v == UI_HOST ? TOP_CPUS : TOP_DOMAINS;
}

/* What names a row: domain and vCPU (or CPU) by number, and the name of one that does not run. */
static void identity(const struct model *m, int table, size_t row, double *domain, double *second, const char **name)
{
    const struct top_domain *d = (const struct top_domain *)m->row[TOP_DOMAINS] + row;
    const struct top_vcpu *v = (const struct top_vcpu *)m->row[TOP_VCPUS] + row;
    const struct top_cpu *c = (const struct top_cpu *)m->row[TOP_CPUS] + row;

    *domain = table == TOP_DOMAINS ? d->id : table == TOP_VCPUS ? v->domain : NAN;
    *second = table == TOP_VCPUS ? v->id : table == TOP_CPUS ? c->id : NAN;
    *name = table == TOP_DOMAINS ? d->name : table == TOP_VCPUS ? v->name : "";
}

static bool is_same(double a, double b)
{
    return a == b || (isnan(a) && isnan(b));
}

static void remember(struct ui *u, const struct model *m)
{
    const char *name = "";

    if (u->view >= UI_ONE) /* its domain stays the one that was entered */
        return;
    u->domain = u->second = NAN;
    if (u->cursor < u->count)
        identity(m, ui_table(u), u->order[u->cursor], &u->domain, &u->second, &name);
    snprintf(u->name, sizeof(u->name), "%s", name);
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
    double domain, second;
    const char *name;

    u->count = model_order(m, t, u->filter, u->sort[t], u->is_descending[t], &u->order);
    for (size_t i = 0; i < u->count && (u->name[0] || !isnan(u->second)); i++) {
        identity(m, t, u->order[i], &domain, &second, &name);
        if (is_same(domain, u->domain) && is_same(second, u->second) && strcmp(name, u->name) == 0) {
            u->cursor = i;
            break;
        }
    }
    keep_in_sight(u);
    remember(u, m);
}

/* Up to and down from, in rows or lines. */
static void move(struct ui *u, const struct model *m, long by)
{
    if (u->view >= UI_ONE) {
        u->scroll = by < 0 && u->scroll < (size_t)-by ? 0 : u->scroll + (size_t)by;
        return;
    }
    u->cursor = by < 0 && u->cursor < (size_t)-by ? 0 : u->cursor + (size_t)by;
    keep_in_sight(u);
    remember(u, m);
}

static void show(struct ui *u, const struct model *m, enum ui_view view)
{
    if (view >= UI_ONE && u->view < UI_ONE)
        u->back = u->view;
    u->view = view;
    u->scroll = 0;
    u->shift = view < UI_ONE ? 0 : u->shift;
    u->message[0] = 0;
    if (view < UI_ONE) {
        u->name[0] = 0;
        u->second = NAN;
        u->cursor = u->first = 0;
        ui_update(u, m);
    }
}

static const struct top_domain *row_of(const struct ui *u, const struct model *m)
{
    const struct top_domain *d = m->row[TOP_DOMAINS];

    for (size_t i = 0; i < m->rows[TOP_DOMAINS]; i++)
        if (is_same(d[i].id, u->domain) && strcmp(d[i].name, u->name) == 0)
            return &d[i];
    return NULL;
}

static void ask(struct ui *u, const struct model *m, enum ui_action action)
{
    const struct top_domain *d = row_of(u, m);
    bool is_off;

    if (!d) {
        ui_say(u, true, u->name[0] ? "%s is gone" : "there is no domain under the cursor%s", u->name);
        return;
    }
    is_off = isnan(d->id);
    if (action == UI_PAUSE && strcmp(d->state, "paused") == 0)
        action = UI_UNPAUSE;
    if (is_off != (action == UI_START)) {
        ui_say(u, true, is_off ? "%s does not run: s starts it" : "%s runs already", d->name);
        return;
    }
    if (d->id == 0 && action != UI_CONSOLE) {
        ui_say(u, true, "%s is the control domain: it cannot be %s from here", d->name,
               action == UI_PAUSE     ? "paused"
               : action == UI_DESTROY ? "destroyed"
                                      : "shut down");
        return;
    }
    u->action = action;
    u->is_confirmed = action == UI_START || action == UI_PAUSE || action == UI_UNPAUSE || action == UI_CONSOLE;
    if (!u->is_confirmed) {
        u->mode = UI_ASK;
        ui_say(u, false, action == UI_DESTROY ? "Destroy %s, as by pulling the plug? y/n" : "Shut %s down? y/n",
               d->name);
    }
}

static void key_ask(struct ui *u, int key)
{
    bool is_yes = key == 'y' || key == 'Y';

    if (is_yes && u->mode == UI_ASK && u->action == UI_DESTROY) {
        u->mode = UI_ASK_AGAIN;
        ui_say(u, true, "What %s has not written to its disks is lost. Destroy it all the same? y/n", u->name);
        return;
    }
    u->mode = UI_LOOK;
    if (is_yes) {
        u->is_confirmed = true;
        return;
    }
    ui_say(u, false, "%s is left as it is", u->name);
    u->action = UI_NOTHING;
}

static void key_filter(struct ui *u, const struct model *m, int key)
{
    size_t length = strlen(u->filter);

    if (key == UI_KEY_ENTER) {
        u->mode = UI_LOOK;
    } else if (key == UI_KEY_ESCAPE) {
        u->mode = UI_LOOK;
        u->filter[0] = 0;
    } else if (key == UI_KEY_BACK) {
        if (length)
            u->filter[length - 1] = 0;
        else
            u->mode = UI_LOOK;
    } else if (key == UI_KEY_UP || key == UI_KEY_DOWN) {
        move(u, m, key == UI_KEY_UP ? -1 : 1);
    } else if (key >= ' ' && key < 127 && length < UI_FILTER_MAX) {
        u->filter[length] = (char)key;
        u->filter[length + 1] = 0;
    }
    ui_update(u, m);
}

/* < and > choose the column; the sense is that in which such things are looked for. */
static void sort_by(struct ui *u, const struct model *m, int by)
{
    int t = ui_table(u), n = top_table[t].columns;

    u->sort[t] = (u->sort[t] + by + n) % n;
    u->is_descending[t] = top_table[t].column[u->sort[t]].kind != C_TEXT && u->sort[t] != 0;
    ui_say(u, false, "sorted by %s: %s", top_table[t].column[u->sort[t]].title, top_table[t].column[u->sort[t]].help);
    ui_update(u, m);
}

static bool key_move(struct ui *u, const struct model *m, int key)
{
    long page = u->page > 1 ? u->page - 1 : 1;

    switch (key) {
    case UI_KEY_UP:
        move(u, m, -1);
        return true;
    case UI_KEY_DOWN:
        move(u, m, 1);
        return true;
    case UI_KEY_PAGE_UP:
        move(u, m, -page);
        return true;
    case UI_KEY_PAGE_DOWN:
        move(u, m, page);
        return true;
    case UI_KEY_HOME:
        move(u, m, -1000000);
        return true;
    case UI_KEY_END:
        move(u, m, 1000000);
        return true;
    case UI_KEY_LEFT:
        u->shift -= u->shift > 0;
        return true;
    case UI_KEY_RIGHT:
        u->shift += u->shift < top_table[ui_table(u)].columns - 3;
        return true;
    default:
        return false;
    }
}

static bool key_action(struct ui *u, const struct model *m, int key)
{
    static const struct {
        char key;
        enum ui_action action;
    } actions[] = {{'s', UI_START}, {'S', UI_SHUTDOWN}, {'p', UI_PAUSE}, {'D', UI_DESTROY}, {'c', UI_CONSOLE}};

    for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++)
        if (key == actions[i].key) {
            if (u->view == UI_DOMAINS || u->view == UI_ONE)
                ask(u, m, actions[i].action);
            return true;
        }
    return false;
}

static void leave(struct ui *u, const struct model *m)
{
    enum ui_view back = u->back;

    if (u->view >= UI_ONE) {
        u->view = back;
        u->scroll = 0;
        ui_update(u, m);
    } else if (u->filter[0]) {
        u->filter[0] = 0;
        ui_update(u, m);
    }
}

static void key_look(struct ui *u, const struct model *m, int key)
{
    static const char views[] = "123";
    const char *view = key > 0 && key < 128 ? strchr(views, key) : NULL;

    if (key_move(u, m, key))
        return;
    u->message[0] = 0;
    if (key_action(u, m, key))
        return;
    if (view && *view) {
        show(u, m, (enum ui_view)(view - views));
    } else if (key == 'q' || key == 3) {
        u->wants_quit = true;
    } else if (key == '?' || key == 'h') {
        show(u, m, UI_HELP);
    } else if (key == 'l') {
        show(u, m, UI_LOG);
    } else if (key == UI_KEY_ENTER && (u->view == UI_DOMAINS || u->view == UI_VCPUS) && u->count && !isnan(u->domain)) {
        show(u, m, UI_ONE);
    } else if (key == UI_KEY_ESCAPE || key == UI_KEY_BACK || key == UI_KEY_ENTER) {
        leave(u, m);
    } else if (key == '/' && u->view < UI_ONE) {
        u->mode = UI_FILTER;
    } else if (key == '<' || key == '>') {
        sort_by(u, m, key == '<' ? -1 : 1);
    } else if (key == 'r') {
        u->is_descending[ui_table(u)] = !u->is_descending[ui_table(u)];
        ui_update(u, m);
    } else if (key == ' ') {
        u->is_frozen = !u->is_frozen;
    } else if (key == '+' || key == '-') {
        u->delay_ms = key == '+' ? u->delay_ms * 2 : u->delay_ms / 2;
        u->delay_ms = u->delay_ms < 250 ? 250 : u->delay_ms > 60000 ? 60000 : u->delay_ms;
        ui_say(u, false, "every %g s", u->delay_ms / 1000.0);
    } else if (key == 12) { /* ^L */
        u->wants_refresh = true;
    } else if (key > ' ' && key < 127) {
        ui_say(u, true, "%c means nothing here: ? has all keys", key);
    }
}

void ui_key(struct ui *u, const struct model *m, int key)
{
    if (u->mode == UI_LOOK)
        key_look(u, m, key);
    else if (u->mode == UI_FILTER)
        key_filter(u, m, key);
    else
        key_ask(u, key);
}
