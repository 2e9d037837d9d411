/* SPDX-License-Identifier: MIT */
/*
 * The loop: a sample when it is due, a key when there is one, what consoles and xenstore say when they say it, and the
 * screen after each. A sample that cannot be had is a message, and the last one stays. A recording that has ended goes
 * on showing its last sample. What a recording does not have (xenstore, wirtd) is this machine's, if it is asked for.
 */
#include "loop.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "action.h"
#include "batch.h"
#include "screen.h"

#define PATIENCE_MS 500 /* with xenstored, when it hangs: once */
#define SOON_MS     300 /* a view that wants more is not made to wait for the next sample */
#define LEAVE_KEY   0x1d
#define KEYS_A_TIME 256

struct loop {
    struct source *source;
    struct wirt *w;
    struct ui ui;
    struct lines lines;
    struct action action;
    struct store store;
    struct console console;
    bool has_log;              /* the lines are the log as it was at this sample */
    uint64_t due_ms, taken_ms; /* the next sample, and the last */
};

static uint64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static bool is_replay(const struct loop *l)
{
    return l->source->replay != NULL;
}

/* ---- samples ---- */

static void refresh_sample(struct loop *l, uint64_t now)
{
    char text[900];
    int code;

    source_want(l->source, l->ui.view == UI_EVENTS   ? SAMPLE_CHANNELS
                           : l->ui.view == UI_GRANTS ? SAMPLE_MAPPINGS
                           : l->ui.view == UI_HOST   ? SAMPLE_USES
                                                     : 0);
    code = source_take(l->source);
    if (code && !(code == WIRT_NOT_FOUND && is_replay(l)))
        ui_say(&l->ui, true, "%.590s", wirt_error_text(l->w, text, sizeof(text)));
    l->due_ms = now + (uint64_t)l->ui.delay_ms;
    l->taken_ms = now;
    l->has_log = false;
    ui_update(&l->ui, &l->source->model);
}

/* The view shows what is only taken while it is shown. */
static bool wants_more(const struct loop *l)
{
    const struct sample *now = &l->source->model.now;

    return !is_replay(l) && ((l->ui.view == UI_EVENTS && !now->has_channels) ||
                             (l->ui.view == UI_GRANTS && !now->has_mappings && now->has_statistics) ||
                             (l->ui.view == UI_HOST && !now->has_uses && now->has_statistics));
}

/* ---- pages ---- */

static void fill_log(struct loop *l)
{
    char why[900], *text;

    if (l->has_log && l->lines.count)
        return;
    if (l->ui.shows_daemon && is_replay(l)) {
        lines_log(&l->lines, "A recording has no log of wirtd's.");
    } else if (l->ui.shows_daemon) {
        text = lines_daemon_log(why, sizeof(why));
        lines_log(&l->lines, text ? text : why);
        free(text);
    } else {
        text = source_log(l->source);
        lines_log(&l->lines, text ? text : wirt_error_text(l->w, why, sizeof(why)));
        free(text);
    }
    l->has_log = true;
}

static void fill_lines(struct loop *l)
{
    if (l->ui.view == UI_HELP)
        lines_help(&l->lines, &l->ui);
    else if (l->ui.view == UI_ONE)
        lines_one(&l->lines, &l->source->model, &l->ui, screen_has_utf8(), screen_text_width(&l->ui));
    else if (l->ui.view == UI_LOG)
        fill_log(l);
    else if (l->ui.view == UI_HOST)
        lines_host(&l->lines, &l->source->model, screen_width());
    l->ui.text = ui_is_table(&l->ui) ? NULL : &l->lines;
}

/* ---- the console beside ---- */

static void follow_console(struct loop *l)
{
    struct ui *u = &l->ui;

    if (u->view != UI_ONE) {
        console_close(&l->console);
        return;
    }
    if (is_replay(l) && !getenv("WIRTD_SOCKET"))
        snprintf(l->console.why, sizeof(l->console.why), "A recording has no console.");
    else
        console_open(&l->console, l->w, u->name, u->domain);
    console_poll(&l->console);
    if (u->mode == UI_TYPE && !console_is_open(&l->console)) {
        u->mode = UI_LOOK;
        ui_say(u, true, "console of %s: %s", u->name, l->console.why);
    }
}

/* False: the key is not for the guest. */
static bool type(struct loop *l, int key)
{
    char byte = (char)key;

    if (l->ui.mode != UI_TYPE)
        return false;
    if (key == LEAVE_KEY) {
        l->ui.mode = UI_LOOK;
        ui_say(&l->ui, false, "left the console of %s", l->ui.name);
    } else if (key > 0 && key < 256 && !console_send(&l->console, &byte, 1)) {
        ui_say(&l->ui, true, "console of %s: it does not take what is typed", l->ui.name);
    }
    return true;
}

static void attach(struct loop *l, const char *verb)
{
    const char *const command[] = {verb, "--", l->ui.name, NULL};
    int status;

    screen_leave();
    status = action_wait(command);
    screen_return();
    if (status)
        ui_say(&l->ui, true, "console %s: it ended with status %d", l->ui.name, status);
}

/* ---- actions ---- */

static void run_command(struct loop *l)
{
    struct ui *u = &l->ui;
    const char *verb = ui_verb[u->action], *option = u->action == UI_WEIGHT ? "--weight=" : "--cap=";
    const char *command[6] = {verb, "--", u->name, NULL};
    char text[32];

    if (u->action == UI_MEMORY || u->action == UI_VCPU_COUNT)
        command[3] = u->input;
    if (u->action == UI_WEIGHT || u->action == UI_CAP) {
        snprintf(text, sizeof(text), "%s%.10s", option, u->input);
        command[1] = text;
        command[2] = "--";
        command[3] = u->name;
    }
    if (action_start(&l->action, command, u->name))
        ui_say(u, false, "%s %s ...", verb, u->name);
    else
        ui_say(u, true, "%s %s: %s", verb, u->name,
               l->action.child ? "another command is not done yet" : strerror(errno));
}

static void act(struct loop *l)
{
    struct ui *u = &l->ui;
    char text[900];

    if (!u->is_confirmed)
        return;
    u->is_confirmed = false;
    if (u->action >= UI_STORE_WRITE) {
        bool is_done = store_do(&l->store, u, text, sizeof(text));
        ui_say(u, !is_done, "%.590s", text);
    } else if (u->action == UI_CONSOLE) {
        if (u->view != UI_ONE)
            ui_show(u, &l->source->model, UI_ONE);
        else if (!l->console.fd)
            console_close(&l->console); /* perhaps it is there now */
        u->mode = UI_TYPE;
    } else if (is_replay(l)) {
        ui_say(u, true, "%s %s: this is a recording", ui_verb[u->action], u->name);
    } else if (u->action == UI_ATTACH) {
        attach(l, ui_verb[u->action]);
    } else {
        run_command(l);
    }
    u->action = UI_NOTHING;
}

/* ---- the loop ---- */

static void take_key(struct loop *l, int key)
{
    struct ui *u = &l->ui;
    bool shows_daemon = u->shows_daemon;

    if (type(l, key))
        return;
    if (u->view != UI_STORE || u->mode != UI_LOOK || !store_key(&l->store, u, key))
        ui_key(u, &l->source->model, key);
    l->has_log &= shows_daemon == u->shows_daemon && u->view == UI_LOG;
    act(l);
}

static void draw(struct loop *l)
{
    bool has_names = is_replay(l) || sampler_has_names(l->source->sampler);
    struct scene s = {&l->ui, &l->source->model, &l->lines, &l->store, &l->console, NULL, now_ms()};
    char silence[80];

    if (!has_names)
        store_silence(l->w, silence, sizeof(silence));
    s.trouble = has_names ? NULL : silence;
    l->ui.page = screen_page(&l->ui);
    ui_update(&l->ui, &l->source->model);
    if (l->ui.view == UI_STORE)
        store_poll(&l->store, s.now_ms);
    follow_console(l);
    fill_lines(l);
    screen_mouse(l->ui.has_mouse && l->ui.mode != UI_TYPE);
    screen_raw(l->ui.mode == UI_TYPE);
    screen_draw(&s);
    l->ui.wants_refresh = false;
}

static void turn(struct loop *l)
{
    int fds[2] = {l->console.fd > 0 ? l->console.fd : -1, l->ui.view == UI_STORE ? store_fd(&l->store) : -1};
    uint64_t now = now_ms();
    int wait = l->ui.is_frozen ? 1000 : l->due_ms > now ? (int)(l->due_ms - now) : 0, key;

    key = screen_key(l->action.child && wait > 200 ? 200 : wait, fds, 2);
    for (int i = 0; key > 0 && i < KEYS_A_TIME && !l->ui.wants_quit; i++) {
        take_key(l, key);
        key = l->ui.mode == UI_TYPE ? screen_key(0, NULL, 0) : 0;
    }
}

static void loop(struct loop *l)
{
    char outcome[400];
    bool is_bad;

    while (!l->ui.wants_quit && !screen_signal) {
        uint64_t now = now_ms();

        if ((now >= l->due_ms && !l->ui.is_frozen) || (wants_more(l) && now - l->taken_ms >= SOON_MS))
            refresh_sample(l, now);
        else if (wants_more(l))
            l->due_ms = l->taken_ms + SOON_MS;
        if (action_poll(&l->action, &is_bad, outcome, sizeof(outcome)))
            ui_say(&l->ui, is_bad, "%s", outcome);
        draw(l);
        turn(l);
    }
}

int loop_run(struct source *s)
{
    struct loop *l;
    char why[100];
    int code;

    screen_guard();
    l = calloc(1, sizeof(*l));
    batch_patience(s->w, PATIENCE_MS);
    code = l ? source_take(s) : wirt_fail(s->w, WIRT_NO_ROOM, "dom0", "begin", "", "it is out of memory");

    if (!code && !screen_begin(why, sizeof(why)))
        code = wirt_fail(s->w, WIRT_FAILED, "terminal", "draw", "wirt top --batch needs none", "%s", why);
    if (code) {
        free(l);
        return code;
    }
    l->source = s;
    l->w = s->w;
    ui_start(&l->ui, s->o->delay_ms);
    if (s->o->filter)
        snprintf(l->ui.filter, sizeof(l->ui.filter), "%s", s->o->filter);
    store_begin(&l->store, s->w);
    l->taken_ms = now_ms();
    l->due_ms = l->taken_ms + (s->replay ? 0 : (uint64_t)l->ui.delay_ms / 4); /* the first rates soon */
    loop(l);
    screen_end();
    lines_clear(&l->lines);
    console_close(&l->console);
    store_end(&l->store);
    ui_end(&l->ui);
    free(l);
    return 0;
}
