/* SPDX-License-Identifier: MIT */
/*
 * What a person is looking at: a view, a cursor, an order, a filter, a question that waits. Keys change it, and it says
 * what shall be done; nothing here draws or does anything. The cursor stays with its row when rows move, and goes to
 * the next one when its row vanishes. A table can be a tree: then rows stand below the group that they belong to.
 */
#ifndef WIRT_TOP_UI_H
#define WIRT_TOP_UI_H

#include "model.h"

/* Tables first, in their tables' order; UI_STORE has a cursor of its own (store.h); the others are lines that scroll.
 */
enum ui_view { UI_DOMAINS, UI_VCPUS, UI_HOST, UI_EVENTS, UI_GRANTS, UI_STORE, UI_ONE, UI_LOG, UI_HELP };
/* UI_TYPE: keys go to the guest's console. */
enum ui_mode { UI_LOOK, UI_FILTER, UI_SEARCH, UI_INPUT, UI_ASK, UI_ASK_AGAIN, UI_TYPE };
enum ui_action {
    UI_NOTHING,
    UI_START,
    UI_SHUTDOWN,
    UI_PAUSE,
    UI_UNPAUSE,
    UI_DESTROY,
    UI_CONSOLE, /* beside what is known of the domain */
    UI_ATTACH,  /* the whole terminal */
    UI_MEMORY,  /* from here on with a value */
    UI_VCPU_COUNT,
    UI_WEIGHT,
    UI_CAP,
    UI_STORE_WRITE, /* of the key u->path */
    UI_STORE_REMOVE
};
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
    UI_KEY_ESCAPE,
    UI_KEY_WHEEL_UP,
    UI_KEY_WHEEL_DOWN,
    UI_KEY_COLUMN = 2000, /* and its number: a click on a title */
    UI_KEY_VIEW = 3000,   /* and its number: on a view's name */
    UI_KEY_ROW = 4000     /* and its number on the screen */
};

#define UI_FILTER_MAX 40
#define UI_INPUT_MAX  400
struct lines { /* a page of text */
    char **line;
    size_t count;
};
struct ui_line {
    size_t at;      /* in the order: its row, or the first of its group's */
    size_t members; /* 0: a row; else the head of a group of so many */
    bool is_open;
};
struct ui_fold { /* a group that is not as its table's begin */
    int table;
    char name[3 * WIRT_NAME_MAX];
};
struct ui {
    enum ui_view view, back; /* back: where a view behind the tables was entered from */
    enum ui_mode mode;
    struct top_order by[TOP_TABLES];
    char filter[UI_FILTER_MAX + 1], search[UI_FILTER_MAX + 1];
    size_t *order; /* rows of the view's table that match, */
    struct ui_line *line;
    size_t count;         /* and the lines that show them */
    size_t cursor, first; /* where it is, and the first line on the screen */
    struct ui_fold *fold;
    size_t folds;
    int page;                     /* lines that fit */
    int shift;                    /* columns behind the name that are scrolled away */
    double domain;                /* of UI_ONE, and of the row under the cursor; with which the cursor moves */
    double second, third;         /* of the row: the vCPU, port, reference */
    char name[3 * WIRT_NAME_MAX]; /* of the domain, or of the group */
    size_t scroll, found, from;   /* of a page of text: its first line, the one found, from 1, where / began */
    const struct lines *text;     /* that page; NULL: none yet */
    enum ui_action action;        /* asked, or, once confirmed, to be done by the caller, who clears it */
    char input[UI_INPUT_MAX + 1]; /* being typed, or to be done */
    char path[512];               /* of the key under the cursor of UI_STORE */
    bool is_confirmed, wants_quit, wants_refresh, is_frozen;
    bool has_mouse, shows_daemon; /* shows_daemon: UI_LOG is wirtd's log */
    char message[600];
    bool is_bad; /* the message is of something that failed */
    int delay_ms;
};

void ui_start(struct ui *u, int delay_ms);
void ui_end(struct ui *u);
void ui_key(struct ui *u, const struct model *m, int key);
bool ui_steps(int key, long page, long *by);         /* whether the key moves, and how many lines down; page: as many */
void ui_update(struct ui *u, const struct model *m); /* the model, the filter or the size is another */
void ui_say(struct ui *u, bool is_bad, const char *format, ...) __attribute__((format(printf, 3, 4)));
int ui_table(const struct ui *u); /* of the view, or of the one behind it */
bool ui_is_table(const struct ui *u);
void ui_move(struct ui *u, const struct model *m, long by);
void ui_show(struct ui *u, const struct model *m, enum ui_view view);
void ui_leave(struct ui *u, const struct model *m);
/* Fills a row of the view's table with what a line shows. */
void ui_row(const struct ui *u, const struct model *m, const struct ui_line *l, void *row);
void ui_fold(struct ui *u, const struct model *m,
             int change); /* of the line under the cursor: 1 open, -1 shut, 0 turn */

/* ---- ui_ask.c ---- */
bool ui_ask_key(struct ui *u, const struct model *m, int key); /* false: no key of an action */
void ui_ask(struct ui *u, const struct model *m, enum ui_action action);
void ui_answer(struct ui *u, int key);
void ui_input(struct ui *u, const struct model *m, int key);
/* Of the domain under the cursor, or of UI_ONE; NULL: none, or gone. */
const struct top_domain *ui_domain(const struct ui *u, const struct model *m);

#endif
