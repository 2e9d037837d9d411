/* SPDX-License-Identifier: MIT */
/* `wirt top`: with a screen (loop.c), or without one, out as text or JSON; there a sample that cannot be had is the
 * end. */
#include "top.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "loop.h"

static void print_table(const struct model *m, const char *filter)
{
    const struct table *t = &top_table[TOP_DOMAINS];
    const struct top_order by = {t->sort, t->is_descending, false};
    size_t *order = NULL, count = model_order(m, TOP_DOMAINS, filter, &by, &order);
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

static int run_batch(struct source *t)
{
    unsigned long shown = 0;
    const char *filter = t->o->filter ? t->o->filter : "";
    int code;

    source_want(t, t->o->does_json ? SAMPLE_CHANNELS | SAMPLE_MAPPINGS | SAMPLE_USES : 0);
    code = source_take(t);
    while (!code) {
        if (!t->replay)
            nanosleep(&(struct timespec){t->o->delay_ms / 1000, t->o->delay_ms % 1000 * 1000000l}, NULL);
        code = source_take(t);
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

int top_run(const struct top_options *o)
{
    struct source s;
    int code = source_begin(&s, o);

    if (!code)
        code = o->is_batch || o->does_json ? run_batch(&s) : loop_run(&s);
    source_end(&s);
    return code;
}
