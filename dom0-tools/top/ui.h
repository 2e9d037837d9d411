/* SPDX-License-Identifier: MIT */
/*
 * What a person is looking at: a view, a cursor, an order, a filter, a question that waits. Keys change it, and it says
 * what shall be done; nothing here draws or does anything. The cursor stays with its row when rows move, and goes to
 * the next one when its row vanishes.
 */
#ifndef WIRT_TOP_UI_H
#define WIRT_TOP_UI_H

#include "model.h"

enum ui_view { UI_DOMAINS, UI_VCPUS, UI_HOST, UI_ONE, UI_LOG, UI_HELP };
enum ui_mode { UI_LOOK, UI_FILTER, UI_ASK, UI_ASK_AGAIN };
enum ui_action { UI_NOTHING, UI_START, UI_SHUTDOWN, UI_PAUSE, UI_UNPAUSE, UI_DESTROY, UI_CONSOLE };
extern const char *const ui_verb[]; /* the command of `wirt` that does an action */

/* Keys that are not characters. */
enum {
    UI_KEY_UP = 1000,
    UI_KEY_DOWN,
    UI_KEY_LEFT,
    UI_KEY_RIGHT,
    UI_KEY_PAGE_UP,
    UI_KEY_PAGE_DOWN,
    UI_KEY_HOME,
    UI_KEY_END,
    UI_KEY_ENTER,
    UI_KEY_BACK,
    UI_KEY_ESCAPE
};

#define UI_FILTER_MAX 40
struct ui {
    enum ui_view view, back; /* back: where UI_ONE, UI_LOG and UI_HELP were entered from */
    enum ui_mode mode;
    int sort[TOP_TABLES];
    bool is_descending[TOP_TABLES];
    char filter[UI_FILTER_MAX + 1];
    size_t *order, count; /* rows of the view's table, as they are shown */
    size_t cursor, first; /* in the order: where it is, and the first row on the screen */
    int page;             /* rows that fit */
    int shift;            /* columns behind the name that are scrolled away */
    double domain;        /* of UI_ONE, and of the row under the cursor; with which the cursor moves */
    double second;        /* of the row: the vCPU */
    char name[WIRT_NAME_MAX + 1];
    size_t scroll;         /* lines of UI_ONE, UI_LOG, UI_HELP */
    enum ui_action action; /* asked, or, once confirmed, to be done by the caller, who clears it */
    bool is_confirmed, wants_quit, wants_refresh, is_frozen;
    char message[200];
    bool is_bad; /* the message is of something that failed */
    int delay_ms;
};

void ui_start(struct ui *u, int delay_ms);
void ui_key(struct ui *u, const struct model *m, int key);
void ui_update(struct ui *u, const struct model *m); /* the model, the filter or the size is another */
void ui_say(struct ui *u, bool is_bad, const char *format, ...) __attribute__((format(printf, 3, 4)));
int ui_table(const struct ui *u); /* of the view, or of the one behind it */

#endif
