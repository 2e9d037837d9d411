/* SPDX-License-Identifier: MIT */
/*
 * What is done to things, and what is asked before: what ends a domain once, what destroys it twice, and only y says
 * yes; a value is typed, looked at, and asked about. What the hypervisor or xenstored would refuse anyway is refused
 * here with the reason, as far as it is known.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ui.h"

const char *const ui_verb[] = {"",        "start",   "shutdown", "pause", "unpause", "destroy",     "console",
                               "console", "mem-set", "vcpu-set", "sched", "sched",   "store write", "store rm"};

const struct top_domain *ui_domain(const struct ui *u, const struct model *m)
{
    const struct top_domain *d = m->row[TOP_DOMAINS];

    for (size_t i = 0; i < m->rows[TOP_DOMAINS]; i++)
        if ((d[i].id == u->domain || (isnan(d[i].id) && isnan(u->domain))) && strcmp(d[i].name, u->name) == 0)
            return &d[i];
    return NULL;
}

static uint64_t vcpus_most(const struct model *m, const struct top_domain *d)
{
    const struct sample_domain *s = isnan(d->id) ? NULL : sample_find(&m->now, (uint64_t)d->id);

    return s && s->max_vcpus ? s->max_vcpus : 1;
}

/* ---- values ---- */

static void kib_text(double kib, char *buffer, size_t size)
{
    static const struct column c = {.kind = C_KIB};

    column_text(&c, &kib, buffer, size);
}

/* The question, and the value that it has now. */
static void ask_value(struct ui *u, const struct model *m, const struct top_domain *d)
{
    char most[16];

    u->mode = UI_INPUT;
    u->input[0] = 0;
    if (u->action == UI_MEMORY) {
        kib_text(d->memory_max, most, sizeof(most));
        snprintf(u->input, sizeof(u->input), "%.0fM", d->memory / 1024);
        ui_say(u, false, "Memory of %s, at most %s:", d->name, most);
    } else if (u->action == UI_VCPU_COUNT) {
        snprintf(u->input, sizeof(u->input), "%.0f", d->vcpus);
        ui_say(u, false, "vCPUs of %s, 1 to %lu:", d->name, vcpus_most(m, d));
    } else if (u->action == UI_WEIGHT) {
        if (!isnan(d->weight))
            snprintf(u->input, sizeof(u->input), "%.0f", d->weight);
        ui_say(u, false, "Weight of %s against others, 1 to 65535:", d->name);
    } else {
        if (!isnan(d->cap))
            snprintf(u->input, sizeof(u->input), "%.0f", d->cap);
        ui_say(u, false, "Cap of %s in percent of one CPU, 0 to %lu, 0 for none:", d->name, 100 * vcpus_most(m, d));
    }
}

/* KiB; 0: no amount of memory. A number alone is of MiB. */
static double parse_size(const char *text)
{
    char *end;
    unsigned long n = text[0] >= '0' && text[0] <= '9' ? strtoul(text, &end, 10) : 0;
    double kib = (double)n * 1024;

    if (!n)
        return 0;
    if (*end == 'K' || *end == 'k')
        kib = (double)n;
    else if (*end == 'G' || *end == 'g')
        kib = (double)n * 1024 * 1024;
    else if (*end && *end != 'M' && *end != 'm')
        return 0;
    return *end && end[1] ? 0 : kib;
}

/* A whole number from least to most; says if it is none. */
static bool is_number(struct ui *u, unsigned long least, unsigned long most)
{
    size_t digits = strspn(u->input, "0123456789");
    unsigned long n = strtoul(u->input, NULL, 10);

    if (digits && digits < 10 && !u->input[digits] && n >= least && n <= most)
        return true;
    ui_say(u, true, "\"%.20s\" is no number from %lu to %lu:", u->input, least, most);
    return false;
}

static bool is_memory(struct ui *u, const struct top_domain *d)
{
    double kib = parse_size(u->input);
    char most[16];

    if (kib <= 0) {
        ui_say(u, true, "\"%.20s\" is no amount of memory; 512M or 2G would be:", u->input);
        return false;
    }
    kib_text(d->memory_max, most, sizeof(most));
    if (kib > d->memory_max)
        ui_say(u, true, "%s may have %s at most; wirt mem-max raises that:", d->name, most);
    return !(kib > d->memory_max);
}

void ui_input(struct ui *u, const struct model *m, int key)
{
    static const char *const what[] = {"memory", "vCPUs", "weight", "cap"};
    const struct top_domain *d;

    if (key != UI_KEY_ENTER)
        return;
    if (u->action == UI_STORE_WRITE) {
        u->mode = UI_ASK;
        ui_say(u, false, "Write \"%.200s\" to %s? y/n", u->input, u->path);
        return;
    }
    d = ui_domain(u, m);
    if (!d) {
        u->mode = UI_LOOK;
        u->action = UI_NOTHING;
        ui_say(u, true, "%s is gone", u->name);
    } else if (u->action == UI_MEMORY       ? is_memory(u, d)
               : u->action == UI_VCPU_COUNT ? is_number(u, 1, vcpus_most(m, d))
               : u->action == UI_WEIGHT     ? is_number(u, 1, 65535)
                                            : is_number(u, 0, 100 * vcpus_most(m, d))) {
        u->mode = UI_ASK;
        ui_say(u, false, "Set the %s of %s to %s? y/n", what[u->action - UI_MEMORY], d->name, u->input);
    }
}

/* ---- questions ---- */

/* Whether it can be done to this domain; says if not. */
static bool is_possible(struct ui *u, const struct top_domain *d, enum ui_action action)
{
    bool is_off;

    if (!d) {
        ui_say(u, true, u->name[0] && u->name[0] != '=' ? "%s is gone" : "there is no domain under the cursor",
               u->name);
        return false;
    }
    is_off = isnan(d->id);
    if (is_off != (action == UI_START)) {
        ui_say(u, true, is_off ? "%s does not run: s starts it" : "%s runs already", d->name);
        return false;
    }
    if (d->id == 0 && (action == UI_PAUSE || action == UI_DESTROY || action == UI_SHUTDOWN)) {
        ui_say(u, true, "%s is the control domain: it cannot be %s from here", d->name,
               action == UI_PAUSE     ? "paused"
               : action == UI_DESTROY ? "destroyed"
                                      : "shut down");
        return false;
    }
    return true;
}

void ui_ask(struct ui *u, const struct model *m, enum ui_action action)
{
    const struct top_domain *d = ui_domain(u, m);

    if (!is_possible(u, d, action))
        return;
    if (action == UI_PAUSE && strcmp(d->state, "paused") == 0)
        action = UI_UNPAUSE;
    u->action = action;
    u->is_confirmed =
        action == UI_START || action == UI_PAUSE || action == UI_UNPAUSE || action == UI_CONSOLE || action == UI_ATTACH;
    if (u->is_confirmed)
        return;
    if (action >= UI_MEMORY) {
        ask_value(u, m, d);
        return;
    }
    u->mode = UI_ASK;
    ui_say(u, false, action == UI_DESTROY ? "Destroy %s, as by pulling the plug? y/n" : "Shut %s down? y/n", d->name);
}

bool ui_ask_key(struct ui *u, const struct model *m, int key)
{
    static const struct {
        char key;
        enum ui_action action;
    } actions[] = {{'s', UI_START},  {'S', UI_SHUTDOWN}, {'p', UI_PAUSE},      {'D', UI_DESTROY}, {'c', UI_CONSOLE},
                   {'C', UI_ATTACH}, {'m', UI_MEMORY},   {'v', UI_VCPU_COUNT}, {'w', UI_WEIGHT},  {'%', UI_CAP}};

    for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++)
        if (key == actions[i].key) {
            if (u->view == UI_DOMAINS || u->view == UI_ONE)
                ui_ask(u, m, actions[i].action);
            else
                ui_say(u, true, "%c acts on a domain: 1 lists them", key);
            return true;
        }
    return false;
}

void ui_answer(struct ui *u, int key)
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
    ui_say(u, false, "%s is left as it is", u->action >= UI_STORE_WRITE ? u->path : u->name);
    u->action = UI_NOTHING;
}
