/* SPDX-License-Identifier: MIT */
/*
 * The loops: samples from the host or from a recording go into the model, and from there to the screen, or out as text
 * or JSON. A sample that cannot be had ends a batch; on the screen it is a message, and the last one stays. A recording
 * that has ended goes on showing its last sample.
 */
#include "top.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "action.h"
#include "screen.h"

struct top {
    const struct top_options *o;
    struct wirt *w;
    struct sampler *sampler;
    FILE *record, *replay;
    unsigned int line; /* of the recording */
    struct model model;
};

static uint64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static FILE *open_file(struct top *t, const char *path, const char *mode, const char *step)
{
    FILE *f = fopen(path, mode);

    if (!f)
        wirt_fail(t->w, errno == ENOENT ? WIRT_NOT_FOUND : WIRT_FAILED, path, step, "", "%s", strerror(errno));
    return f;
}

static int begin(struct top *t)
{
    const struct top_options *o = t->o;

    if (o->replay && !(t->replay = open_file(t, o->replay, "r", "open the recording")))
        return wirt_error(t->w)->code;
    if (o->record && !(t->record = open_file(t, o->record, "a", "open the file for samples")))
        return wirt_error(t->w)->code;
    if (!o->replay && !(t->sampler = sampler_open(t->w, "")))
        return wirt_fail(t->w, WIRT_NO_ROOM, "dom0", "begin", "", "it is out of memory");
    return 0;
}

/* One more sample. WIRT_NOT_FOUND: the recording has ended. */
static int take(struct top *t)
{
    struct sample s;
    int code = t->replay ? sample_read(t->w, t->replay, t->o->replay, &t->line, &s) : sampler_take(t->sampler, &s);

    if (code)
        return code;
    if (t->record && !sample_write(t->record, &s))
        code = wirt_fail(t->w, WIRT_FAILED, t->o->record, "record a sample", "", "%s", strerror(errno));
    if (!model_take(&t->model, &s)) {
        sample_clear(&s);
        return wirt_fail(t->w, WIRT_NO_ROOM, "dom0", "show a sample", "", "it is out of memory");
    }
    return code;
}

static void end(struct top *t)
{
    sampler_close(t->sampler);
    model_clear(&t->model);
    if (t->record)
        fclose(t->record);
    if (t->replay)
        fclose(t->replay);
}

/* ---- without a screen ---- */

static void print_table(const struct model *m, const char *filter)
{
    const struct table *t = &top_table[TOP_DOMAINS];
    size_t *order = NULL, count = model_order(m, TOP_DOMAINS, filter, t->sort, t->is_descending, &order);
    int name = 12;
    char text[80];

    for (size_t i = 0; i < count; i++) {
        int length = (int)strlen(((const struct top_domain *)m->row[TOP_DOMAINS])[order[i]].name);
        name = length > name ? length : name;
    }
    for (size_t i = 0; i <= count; i++) {
        for (int k = 0; k < t->columns; k++) {
            const struct column *c = &t->column[k];
            int width = k == 1 ? name : c->width;
            if (i)
                column_text(c, (const char *)m->row[TOP_DOMAINS] + order[i - 1] * t->row_size, text, sizeof(text));
            else
                snprintf(text, sizeof(text), "%s", c->title);
            printf(c->kind == C_TEXT ? "%s%-*s" : "%s%*s", k ? " " : "", width, text);
        }
        printf("\n");
    }
    printf("\n");
    free(order);
}

static int run_batch(struct top *t)
{
    unsigned long shown = 0;
    const char *filter = t->o->filter ? t->o->filter : "";
    int code = take(t);

    while (!code) {
        if (!t->replay)
            nanosleep(&(struct timespec){t->o->delay_ms / 1000, t->o->delay_ms % 1000 * 1000000l}, NULL);
        code = take(t);
        if (code == WIRT_NOT_FOUND && t->replay)
            return shown ? 0 : wirt_fail(t->w, WIRT_REFUSED, t->o->replay, "show rates", "", "it has one sample only");
        if (code)
            return code;
        if (t->o->does_json) {
            json_t *o = model_json(&t->model);
            json_dumpf(o, stdout, JSON_COMPACT | JSON_REAL_PRECISION(12));
            printf("\n");
            json_decref(o);
        } else {
            print_table(&t->model, filter);
        }
        if (fflush(stdout))
            return wirt_fail(t->w, WIRT_FAILED, "standard output", "write", "", "%s", strerror(errno));
        if (++shown == t->o->count)
            return 0;
    }
    return code;
}

/* ---- with one ---- */

static void refresh_sample(struct top *t, struct ui *u)
{
    char text[800];
    int code = take(t);

    if (code && !(code == WIRT_NOT_FOUND && t->replay))
        ui_say(u, true, "%s", wirt_error_text(t->w, text, sizeof(text)));
    ui_update(u, &t->model);
}

static void fill_lines(struct top *t, struct lines *l, const struct ui *u)
{
    char *text = NULL, said[800];

    if (u->view == UI_HELP) {
        lines_help(l, u);
    } else if (u->view == UI_ONE) {
        lines_one(l, &t->model, u, screen_has_utf8(), screen_width());
    } else if (u->view == UI_LOG) {
        if (t->replay)
            lines_log(l, "A recording has no log.");
        else
            lines_log(l, wirt_host_log(t->w, false, &text) ? wirt_error_text(t->w, said, sizeof(said)) : text);
        free(text);
    }
}

static void act(struct top *t, struct ui *u, struct action *a)
{
    const char *verb = ui_verb[u->action];

    if (!u->is_confirmed)
        return;
    u->is_confirmed = false;
    if (t->replay) {
        ui_say(u, true, "%s %s: this is a recording", verb, u->name);
    } else if (u->action == UI_CONSOLE) {
        int status;
        screen_leave();
        printf("Console of %s. Ctrl-] leaves it.\n", u->name);
        fflush(stdout);
        status = action_wait(verb, u->name);
        screen_return();
        if (status)
            ui_say(u, true, "console %s: it ended with status %d", u->name, status);
    } else if (action_start(a, verb, u->name)) {
        ui_say(u, false, "%s %s ...", verb, u->name);
    } else {
        ui_say(u, true, "%s %s: %s", verb, u->name, a->child ? "another command is not done yet" : strerror(errno));
    }
    u->action = UI_NOTHING;
}

static void loop(struct top *t, struct ui *u)
{
    struct lines l = {0};
    struct action a = {0};
    uint64_t due = now_ms() + (t->replay ? 0 : (uint64_t)u->delay_ms / 4); /* the first rates soon */
    char outcome[400];
    bool is_bad;

    while (!u->wants_quit && !screen_signal) {
        uint64_t now = now_ms();
        int key, wait;

        if (now >= due && !u->is_frozen) {
            refresh_sample(t, u);
            due = now + (uint64_t)u->delay_ms;
        }
        if (action_poll(&a, &is_bad, outcome, sizeof(outcome)))
            ui_say(u, is_bad, "%s", outcome);
        u->page = screen_page(u);
        ui_update(u, &t->model);
        fill_lines(t, &l, u);
        screen_draw(u, &t->model, &l);
        u->wants_refresh = false;
        wait = due > now ? (int)(due - now) : 0;
        key = screen_key(u->is_frozen ? 1000 : a.child && wait > 200 ? 200 : wait);
        if (key > 0) {
            ui_key(u, &t->model, key);
            act(t, u, &a);
        }
    }
    lines_clear(&l);
}

static int run_screen(struct top *t)
{
    struct ui u;
    char why[100];
    int code = take(t);

    if (code)
        return code;
    if (!screen_begin(why, sizeof(why)))
        return wirt_fail(t->w, WIRT_FAILED, "terminal", "draw", "wirt top --batch needs none", "%s", why);
    ui_start(&u, t->o->delay_ms);
    if (t->o->filter)
        snprintf(u.filter, sizeof(u.filter), "%s", t->o->filter);
    loop(t, &u);
    screen_end();
    free(u.order);
    return 0;
}

int top_run(const struct top_options *o)
{
    struct top t = {.o = o, .w = o->w};
    int code = begin(&t);

    if (!code)
        code = o->is_batch || o->does_json ? run_batch(&t) : run_screen(&t);
    end(&t);
    return code;
}
