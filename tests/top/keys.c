/* SPDX-License-Identifier: MIT */
/* Each key, and what it leads to: views, questions, values, trees, searches, clicks. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "test.h"

static void keys(struct ui *u, const struct model *m, const char *text)
{
    for (; *text; text++)
        ui_key(u, m, *text == '\n' ? UI_KEY_ENTER : *text == '\033' ? UI_KEY_ESCAPE : (unsigned char)*text);
}

static void actions(void)
{
    struct model m = {0};
    struct ui u;

    give(&m, make(1));
    give(&m, make(2));
    ui_start(&u, 1000);
    u.page = 2;
    ui_update(&u, &m);
    check(u.count == 3 && strcmp(u.name, "web") == 0); /* by CPU% */
    keys(&u, &m, "D");
    check(u.mode == UI_ASK && !u.is_confirmed);
    keys(&u, &m, "y");
    check(u.mode == UI_ASK_AGAIN && !u.is_confirmed);
    keys(&u, &m, "n");
    check(u.mode == UI_LOOK && u.action == UI_NOTHING && strstr(u.message, "left as it is"));
    keys(&u, &m, "Dyy");
    check(u.is_confirmed && u.action == UI_DESTROY && strcmp(ui_verb[u.action], "destroy") == 0);
    u.is_confirmed = false;
    u.action = UI_NOTHING;
    keys(&u, &m, "S\n"); /* only y is yes */
    check(u.action == UI_NOTHING && u.mode == UI_LOOK);
    keys(&u, &m, "s");
    check(u.is_bad && strstr(u.message, "runs already"));
    keys(&u, &m, "/dom");
    check(u.count == 1 && u.mode == UI_FILTER && strcmp(u.name, "Domain-0") == 0);
    keys(&u, &m, "\nDp");
    check(u.action == UI_NOTHING && strstr(u.message, "control domain"));
    keys(&u, &m, "\033");
    check(u.count == 3 && !u.filter[0] && strcmp(u.name, "Domain-0") == 0); /* the cursor stays with its row */
    ui_key(&u, &m, UI_KEY_END);
    check(u.cursor == 2 && strcmp(u.name, "spare") == 0 && u.first == 1);
    keys(&u, &m, "S");
    check(u.is_bad && strstr(u.message, "does not run"));
    keys(&u, &m, "s");
    check(u.is_confirmed && u.action == UI_START);
    u.is_confirmed = false;
    ui_end(&u);
    model_clear(&m);
}

static void views(void)
{
    struct model m = {0};
    struct sample s;
    struct ui u;
    struct lines l = {0};

    give(&m, make(1));
    give(&m, make(2));
    ui_start(&u, 1000);
    u.page = 2;
    ui_update(&u, &m);
    ui_key(&u, &m, UI_KEY_END);
    s = make(3);
    s.domains = 2; /* it vanishes under the cursor */
    give(&m, s);
    ui_update(&u, &m);
    check(u.count == 2 && u.cursor == 1);
    keys(&u, &m, "\n");
    check(u.view == UI_ONE);
    lines_one(&l, &m, &u, false, 80);
    check(l.count > 20);
    u.domain = 77;
    lines_one(&l, &m, &u, false, 80);
    check(l.count == 1 && strstr(l.line[0], "gone"));
    keys(&u, &m, "p");
    check(u.is_bad && strstr(u.message, "gone"));
    keys(&u, &m,
         "\033"
         "2>r3");
    check(u.view == UI_HOST && u.count == 1 && u.by[TOP_VCPUS].sort == 6);
    keys(&u, &m, "?");
    lines_help(&l, &u);
    check(u.view == UI_HELP && l.count > 10);
    keys(&u, &m, "\0332/none");
    check(u.count == 0 && u.cursor == 0);
    keys(&u, &m, "\n\n");
    check(u.view == UI_VCPUS || u.view == UI_DOMAINS);
    keys(&u, &m, "~q");
    check(u.wants_quit);
    lines_clear(&l);
    ui_end(&u);
    model_clear(&m);
}

/* Values: what is wrong is said and can be mended; nothing is done before y. */
static void values(void)
{
    static const struct {
        const char *keys, *said, *input;
    } bad[] = {
        {"m\25lots\n", "no amount", "lots"},     {"m\0250\n", "no amount", "0"},  {"m\0259G\n", "at most", "9G"},
        {"m\0255MM\n", "no amount", "5MM"},      {"v\0250\n", "1 to 3", "0"},     {"v\0254\n", "1 to 3", "4"},
        {"w\02565536\n", "1 to 65535", "65536"}, {"w\025x\n", "1 to 65535", "x"}, {"%\025301\n", "0 to 300", "301"}};
    struct model m = {0};
    struct sample s = make(1);
    struct ui u;

    s.domain[1].max_memory_kib = 1024 * 1024;
    s.domain[1].max_vcpus = 3;
    s.domain[1].weight = 256;
    give(&m, s);
    ui_start(&u, 1000);
    u.page = 5;
    ui_update(&u, &m);
    keys(&u, &m, "/web\n");
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        keys(&u, &m, bad[i].keys);
        check(u.mode == UI_INPUT && u.is_bad && strstr(u.message, bad[i].said) && strcmp(u.input, bad[i].input) == 0);
        keys(&u, &m, "\033");
        check(u.mode == UI_LOOK && u.action == UI_NOTHING && !u.is_confirmed);
    }
    keys(&u, &m, "w");
    check(strcmp(u.input, "256") == 0);
    keys(&u, &m, "\025512\n");
    check(u.mode == UI_ASK && strstr(u.message, "Set the weight of web to 512?") && !u.is_confirmed);
    keys(&u, &m, "n");
    check(u.action == UI_NOTHING && strstr(u.message, "left as it is"));
    keys(&u, &m, "m\025512M\ny");
    check(u.is_confirmed && u.action == UI_MEMORY && strcmp(u.input, "512M") == 0);
    check(strcmp(ui_verb[UI_MEMORY], "mem-set") == 0 && strcmp(ui_verb[UI_VCPU_COUNT], "vcpu-set") == 0 &&
          strcmp(ui_verb[UI_CAP], "sched") == 0 && strcmp(ui_verb[UI_ATTACH], "console") == 0 &&
          strcmp(ui_verb[UI_STORE_REMOVE], "store rm") == 0);
    u.is_confirmed = false;
    u.action = UI_NOTHING;
    keys(&u, &m, "v\0252");
    s = make(2);
    s.domains = 1; /* it goes while its number is typed */
    give(&m, s);
    keys(&u, &m, "\n");
    check(u.mode == UI_LOOK && u.is_bad && strstr(u.message, "gone") && u.action == UI_NOTHING);
    keys(&u, &m, "2m");
    check(u.is_bad && strstr(u.message, "acts on a domain"));
    ui_end(&u);
    model_clear(&m);
}

/* Groups: their heads, folded and not, and the cursor among them. */
static void trees(void)
{
    struct model m = {0};
    struct top_domain head;
    struct sample s;
    struct ui u;

    give(&m, make(1));
    give(&m, make(2));
    ui_start(&u, 1000);
    u.page = 10;
    ui_update(&u, &m);
    keys(&u, &m, "t");
    check(u.count == 6 && u.line[0].members == 1 && u.line[0].is_open && u.line[1].members == 0);
    check(strcmp(u.name, "web") == 0 && u.cursor == 1); /* the cursor stays with its row */
    ui_row(&u, &m, &u.line[0], &head);
    check(strcmp(head.name, "- blocked (1)") == 0 && head.cpu == 50 && isnan(head.id));
    ui_key(&u, &m, UI_KEY_UP);
    keys(&u, &m, "\n");
    check(u.count == 5 && !u.line[0].is_open && strcmp(u.name, "=blocked") == 0);
    keys(&u, &m, "D");
    check(u.is_bad && strstr(u.message, "no domain under the cursor") && u.action == UI_NOTHING);
    s = make(3);
    s.domain[0].state = WIRT_BLOCKED;
    give(&m, s);
    ui_update(&u, &m);
    check(u.line[0].members == 2 && !u.line[0].is_open && u.cursor == 0 && u.count == 3);
    keys(&u, &m, "\nt");
    check(u.count == 3 && !u.by[TOP_DOMAINS].is_tree);
    keys(&u, &m, "5"); /* begins as a tree, shut */
    check(u.view == UI_GRANTS && u.count == 1 && u.line[0].members == 2);
    keys(&u, &m, "\n");
    check(u.count == 3);
    ui_key(&u, &m, UI_KEY_DOWN);
    keys(&u, &m, "\n");
    check(u.view == UI_ONE && u.domain == 0);
    keys(&u, &m, "\0334");
    check(u.view == UI_EVENTS && u.count == 4);
    ui_end(&u);
    model_clear(&m);
}

/* Pages of text: to look for something, forwards, backwards and round the end; the log stays at its end. */
static void searches(void)
{
    struct model m = {0};
    struct lines l = {0};
    struct ui u;

    give(&m, make(1));
    ui_start(&u, 1000);
    u.page = 3;
    ui_update(&u, &m);
    lines_log(&l, "one\ntwo\nthree\nfour\nTWO again\nsix\nseven\n");
    keys(&u, &m, "l");
    u.text = &l;
    check(u.view == UI_LOG && u.scroll == SIZE_MAX);
    ui_key(&u, &m, UI_KEY_UP);
    check(u.scroll == 3);
    ui_key(&u, &m, UI_KEY_DOWN);
    check(u.scroll == SIZE_MAX);
    keys(&u, &m, "n");
    check(u.is_bad && strstr(u.message, "what to look for"));
    ui_key(&u, &m, UI_KEY_HOME);
    keys(&u, &m, "/two\n");
    check(u.mode == UI_LOOK && u.found == 2);
    keys(&u, &m, "n");
    check(u.found == 5 && u.scroll == 3 && !u.is_bad);
    keys(&u, &m, "n");
    check(u.found == 2 && strstr(u.message, "round the end"));
    keys(&u, &m, "N");
    check(u.found == 5 && strstr(u.message, "round the end"));
    keys(&u, &m, "/nowhere\n");
    check(u.found == 0 && u.is_bad && strstr(u.message, "nothing here has"));
    keys(&u, &m, "\t");
    check(u.shows_daemon);
    lines_clear(&l);
    keys(&u, &m, "/x\nnN"); /* an empty page */
    check(u.found == 0 && u.is_bad);
    ui_end(&u);
    model_clear(&m);
}

static void clicks(void)
{
    struct model m = {0};
    struct ui u;

    give(&m, make(1));
    give(&m, make(2));
    ui_start(&u, 1000);
    u.page = 5;
    ui_update(&u, &m);
    ui_key(&u, &m, UI_KEY_COLUMN + 1);
    check(u.by[TOP_DOMAINS].sort == 1 && !u.by[TOP_DOMAINS].is_descending && strcmp(u.name, "web") == 0);
    ui_key(&u, &m, UI_KEY_COLUMN + 1);
    check(u.by[TOP_DOMAINS].is_descending);
    ui_key(&u, &m, UI_KEY_ROW + 2);
    check(u.cursor == 2 && u.view == UI_DOMAINS && strcmp(u.name, "Domain-0") == 0);
    ui_key(&u, &m, UI_KEY_ROW + 9); /* below the last */
    check(u.cursor == 2);
    ui_key(&u, &m, UI_KEY_ROW + 2);
    check(u.view == UI_ONE);
    ui_key(&u, &m, UI_KEY_VIEW + UI_VCPUS);
    check(u.view == UI_VCPUS);
    ui_key(&u, &m, UI_KEY_WHEEL_DOWN);
    check(u.cursor == 2);
    ui_key(&u, &m, UI_KEY_WHEEL_UP);
    check(u.cursor == 0);
    keys(&u, &m, "M");
    check(!u.has_mouse);
    ui_end(&u);
    model_clear(&m);
}

void test_keys(void)
{
    actions();
    views();
    values();
    trees();
    searches();
    clicks();
}
