/* SPDX-License-Identifier: MIT */
/*
 * What clients ask: one line of words in, one line of JSON out (docs/guide/consoles.md). A refusal has the four parts
 * that every message of the tools has, and the code that the command shall end with.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "event.h"
#include "internal.h"

#define WORDS 4

static void put_member(FILE *out, const char *name, const char *text)
{
    fprintf(out, ",\"%s\":", name);
    text_json(out, text);
}

static void refuse(FILE *out, enum wirt_code code, const char *object, const char *step, const char *cause,
                   const char *next)
{
    fprintf(out, "{\"ok\":false,\"code\":%d", (int)code);
    put_member(out, "object", object);
    put_member(out, "step", step);
    put_member(out, "cause", cause);
    put_member(out, "next", next);
    putc('}', out);
}

static struct console *find(FILE *out, const char *name, const char *step)
{
    struct console *c = console_find(name);

    if (!c)
        refuse(out, WIRT_NOT_FOUND, name, step, "no domain of this name or number has printed anything yet",
               "see wirt list");
    return c;
}

static void put_console(FILE *out, const struct console *c)
{
    bool is_live = c->ring.page != NULL;

    fputs("{\"name\":", out);
    text_json(out, c->name);
    if (is_live)
        fprintf(out, ",\"domain\":%u", c->keep.head.domid);
    fprintf(out, ",\"live\":%s,\"kept\":%llu,\"total\":%llu,\"readers\":%u,\"floods\":%llu,\"rubbish\":%llu",
            is_live ? "true" : "false", (unsigned long long)(c->keep.head.total - keep_first(&c->keep)),
            (unsigned long long)c->keep.head.total, client_count(c), (unsigned long long)c->held_count,
            (unsigned long long)c->ring.rubbish_count);
    if (!is_live && c->keep.head.ended)
        fprintf(out, ",\"ended\":%lld", (long long)c->keep.head.ended);
    putc('}', out);
}

static void do_list(FILE *out, char **words, struct answer *answer)
{
    (void)words;
    (void)answer;
    fputs("{\"ok\":true,\"consoles\":[", out);
    for (const struct console *c = consoles; c; c = c->next) {
        put_console(out, c);
        if (c->next)
            putc(',', out);
    }
    fputs("],\"restarts\":[", out);
    ends_list(out);
    fputs("]}", out);
}

static void do_console(FILE *out, char **words, struct answer *answer)
{
    struct console *c = find(out, words[1], "open the console");

    if (!c)
        return;
    if (!c->ring.page && !ends_is_pending(c->name)) {
        refuse(out, WIRT_NOT_FOUND, c->name, "open the console", "the domain has ended",
               "what it printed: wirt log NAME");
        return;
    }
    answer->console = c;
    answer->does_replay = strcmp(words[2], "new") != 0;
    fputs("{\"ok\":true", out);
    put_member(out, "name", c->name);
    putc('}', out);
}

static void do_log(FILE *out, char **words, struct answer *answer)
{
    struct console *c = find(out, words[1], "read the log");

    if (!c)
        return;
    answer->console = c;
    answer->is_log = true;
    fprintf(out, "{\"ok\":true,\"bytes\":%llu}", (unsigned long long)(c->keep.head.total - keep_first(&c->keep)));
}

/* From a number on, or what comes from now on. */
static void do_events(FILE *out, char **words, struct answer *answer)
{
    bool is_new = strcmp(words[1], "new") == 0;
    uint64_t first, next, behind;
    char *end;

    behind = strtoull(words[1], &end, 10);
    if (!is_new && (*end || words[1][0] == '-')) {
        refuse(out, WIRT_USAGE, "wirtd", "read the request", "it is: events new, or events NUMBER", "man wirtd");
        return;
    }
    if (event_journal()->fd < 0) {
        refuse(out, WIRT_NO_ROOM, "wirtd", "read the events", "they are not kept", "see the log of wirtd");
        return;
    }
    event_range(&first, &next);
    answer->does_follow = true;
    answer->at = is_new ? event_journal()->head.total : event_behind(behind);
    fprintf(out, "{\"ok\":true,\"first\":%llu,\"next\":%llu}", (unsigned long long)first, (unsigned long long)next);
}

static void do_forget(FILE *out, char **words, struct answer *answer)
{
    struct console *c = find(out, words[1], "forget the console");

    (void)answer;
    if (c && !console_forget(c))
        refuse(out, WIRT_REFUSED, words[1], "forget the console", "the domain is there", "wirt destroy ends it");
    else if (c)
        fputs("{\"ok\":true}", out);
}

static void do_tty(FILE *out, char **words, struct answer *answer)
{
    struct console *c = find(out, words[1], "make a terminal");
    const char *name;

    (void)answer;
    if (!c)
        return;
    name = c->ring.page ? client_tty(c) : NULL;
    if (!name) {
        refuse(out, c->ring.page ? WIRT_NO_ROOM : WIRT_NOT_FOUND, c->name, "make a terminal",
               c->ring.page ? "dom0 has no pseudo terminal" : "the domain has ended", "see the log of wirtd");
        return;
    }
    fputs("{\"ok\":true", out);
    put_member(out, "tty", name);
    putc('}', out);
}

static void do_cancel(FILE *out, char **words, struct answer *answer)
{
    enum wirt_code code = ends_cancel(words[1]);

    (void)answer;
    if (code)
        refuse(out, code, words[1], "cancel its restart",
               code == WIRT_REFUSED ? "it is being started at this moment" : "none is waiting",
               code == WIRT_REFUSED ? "wirt destroy ends it when it is there" : "");
    else
        fputs("{\"ok\":true}", out);
}

static void do_autostart(FILE *out, char **words, struct answer *answer)
{
    (void)answer;
    if (strcmp(words[1], "now")) {
        refuse(out, WIRT_USAGE, "wirtd", "read the request", "it is: autostart now", "");
        return;
    }
    ends_autostart();
    fputs("{\"ok\":true}", out);
}

static void do_status(FILE *out, char **words, struct answer *answer)
{
    (void)words;
    (void)answer;
    fputs("{\"ok\":true", out);
    put_member(out, "version", wirt_version);
    fprintf(out, ",\"pid\":%d,\"seconds\":%lld,\"policy\":%s}", (int)getpid(),
            (long long)(now_ms() - daemon_state.started_ms) / 1000, daemon_state.options.has_policy ? "true" : "false");
}

static const struct {
    const char *word;
    int least, most; /* words behind it */
    void (*act)(FILE *out, char **words, struct answer *answer);
} requests[] = {
    {"list", 0, 0, do_list},           {"console", 1, 2, do_console}, {"log", 1, 1, do_log},
    {"forget", 1, 1, do_forget},       {"tty", 1, 1, do_tty},         {"cancel", 1, 1, do_cancel},
    {"autostart", 1, 1, do_autostart}, {"status", 0, 0, do_status},   {"events", 0, 1, do_events},
};

/* Words of the line, at most WORDS of them; the rest of `words` is empty strings. */
static int split(char *line, char *words[WORDS])
{
    char *rest, *word = strtok_r(line, " \t", &rest);
    static char none[1];
    int count = 0;

    for (int i = 0; i < WORDS; i++)
        words[i] = none;
    for (; word; word = strtok_r(NULL, " \t", &rest)) {
        if (count < WORDS)
            words[count] = word;
        count++;
    }
    return count;
}

void request_answer(const char *line, struct answer *answer)
{
    char copy[512], *words[WORDS];
    size_t size;
    FILE *out = open_memstream(&answer->text, &size);
    int count;

    if (!out)
        return;
    snprintf(copy, sizeof(copy), "%s", line);
    count = split(copy, words) - 1;
    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        if (strcmp(words[0], requests[i].word))
            continue;
        if (count < requests[i].least || count > requests[i].most)
            refuse(out, WIRT_USAGE, words[0], "read the request", "it has too few or too many words", "man wirtd");
        else
            requests[i].act(out, words, answer);
        fclose(out);
        return;
    }
    refuse(out, WIRT_USAGE, words[0], "read the request",
           "requests are list, console, log, forget, tty, cancel, autostart, status and events", "man wirtd");
    fclose(out);
}
