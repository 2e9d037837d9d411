/* SPDX-License-Identifier: MIT */
/*
 * `wirt`: finds the row of the command, reads its options, runs it, and says what failed as "wirt: OBJECT: STEP: CAUSE
 * (NEXT)". Exit codes are those of enum wirt_code. With --json an error is an object on standard output too, so that a
 * program need not read sentences.
 */
#include <getopt.h>
#include <locale.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"

const char *run_choice(const struct run *r, char letter)
{
    for (int i = 0; r->command->choices && r->command->choices[i].name; i++)
        if (r->command->choices[i].letter == letter)
            return r->value[i];
    return NULL;
}

int usage_fail(struct run *r, const char *cause, ...)
{
    char object[64], next[120], text[300];
    va_list args;

    va_start(args, cause);
    vsnprintf(text, sizeof(text), cause, args);
    va_end(args);
    snprintf(object, sizeof(object), "%s", r->command ? r->command->name : "command line");
    snprintf(next, sizeof(next), "wirt %s%s--help", r->command ? r->command->name : "", r->command ? " " : "");
    return wirt_fail(r->w, WIRT_USAGE, object, "read the command line", next, "%s", text);
}

/* ---- guesses ---- */

/* How many letters to change, add, drop or swap to make one word the other; 9 for many. */
static unsigned distance(const char *a, const char *b)
{
    size_t m = strlen(a), n = strlen(b);
    unsigned row[3][64];

    if (m > 62 || n > 62)
        return 9;
    for (unsigned j = 0; j <= n; j++)
        row[0][j] = j;
    for (size_t i = 1; i <= m; i++) {
        unsigned *now = row[i % 3], *last = row[(i + 2) % 3], *before = row[(i + 1) % 3];

        now[0] = (unsigned)i;
        for (size_t j = 1; j <= n; j++) {
            unsigned best = last[j - 1] + (a[i - 1] != b[j - 1]);

            best = last[j] + 1 < best ? last[j] + 1 : best;
            best = now[j - 1] + 1 < best ? now[j - 1] + 1 : best;
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && before[j - 2] + 1 < best)
                best = before[j - 2] + 1;
            now[j] = best;
        }
    }
    return row[m % 3][n];
}

void guess_start(struct guess *g, const char *word)
{
    *g = (struct guess){.word = word, .best = strlen(word) < 4 ? 2 : 3};
}

void guess_try(struct guess *g, const char *candidate)
{
    unsigned d = distance(g->word, candidate);

    if (d >= g->best)
        return;
    g->best = d;
    snprintf(g->text, sizeof(g->text), "did you mean %s?", candidate);
}

const struct command *command_find(const char *first, const char *second)
{
    size_t length = strlen(first);

    for (const struct command *c = commands; c->name; c++) {
        if (!strcmp(c->name, first))
            return c;
        if (second && !strncmp(c->name, first, length) && c->name[length] == ' ' &&
            !strcmp(c->name + length + 1, second))
            return c;
    }
    return NULL;
}

/* ---- options ---- */

/* What getopt_long wants, from the row. */
static void options_of(const struct command *c, struct option *longs, char *letters)
{
    int i = 0;

    *letters++ = ':';
    *letters++ = 'h';
    for (; c->choices && c->choices[i].name; i++) {
        const struct choice *choice = &c->choices[i];

        longs[i] = (struct option){choice->name, choice->value ? required_argument : no_argument, NULL, choice->letter};
        *letters++ = choice->letter;
        if (choice->value)
            *letters++ = ':';
    }
    *letters = 0;
    longs[i++] = (struct option){"json", no_argument, NULL, 'J'};
    longs[i++] = (struct option){"help", no_argument, NULL, 'h'};
    longs[i] = (struct option){0};
}

static int unknown_option(struct run *r, const char *word)
{
    const struct choice *choice = r->command->choices;
    size_t length = strcspn(word, "=");
    struct guess g;
    char plain[64];

    snprintf(plain, sizeof(plain), "%.*s", (int)length, word);
    guess_start(&g, plain);
    guess_try(&g, "--json");
    guess_try(&g, "--help");
    for (; choice && choice->name; choice++) {
        char name[40];

        snprintf(name, sizeof(name), "--%s", choice->name);
        guess_try(&g, name);
    }
    return usage_fail(r, "there is no option %.60s%s%s", plain, g.text[0] ? "; " : "", g.text);
}

static int read_options(struct run *r, int argc, char **argv, bool *wants_help)
{
    struct option longs[CHOICES_MAX + 3];
    char letters[3 * CHOICES_MAX + 3];
    int letter, index = 0;

    options_of(r->command, longs, letters);
    opterr = 0;
    for (optind = 1; (letter = getopt_long(argc, argv, letters, longs, NULL)) != -1;) {
        if (letter == 'J')
            r->does_json = true;
        else if (letter == 'h')
            *wants_help = true;
        else if (letter == ':')
            return usage_fail(r, "%s needs a value", argv[optind - 1]);
        else if (letter == '?' && optopt > 0 && optopt < 128 && argv[optind - 1][1] != '-')
            return usage_fail(r, "there is no option -%c", optopt);
        else if (letter == '?')
            return unknown_option(r, argv[optind - 1]);
        for (index = 0; r->command->choices && r->command->choices[index].name; index++)
            if (r->command->choices[index].letter == letter)
                r->value[index] = optarg ? optarg : "";
    }
    r->count = argc - optind;
    r->arguments = argv + optind;
    return 0;
}

static int check_count(struct run *r)
{
    const struct command *c = r->command;

    if (r->count < c->least)
        return usage_fail(r, "%s; it is wirt %s %s",
                          c->least == 1 || r->count ? "an argument is missing" : "arguments are missing", c->name,
                          c->arguments);
    if (c->most >= 0 && r->count > c->most)
        return usage_fail(r, "'%.60s' is one argument too many; it is wirt %s%s%s", r->arguments[c->most], c->name,
                          c->arguments[0] ? " " : "", c->arguments);
    return 0;
}

/* ---- the run ---- */

static void say_error(struct run *r, int code)
{
    const struct wirt_error *e = wirt_error(r->w);
    char text[1024];

    fprintf(stderr, "wirt: %s\n", wirt_error_text(r->w, text, sizeof(text)));
    if (!r->does_json)
        return;
    json_dumpf(json_pack("{s:{s:i, s:o, s:o, s:o, s:o}}", "error", "code", code, "object",
                         json_bytes(e->object, strlen(e->object)), "step", json_bytes(e->step, strlen(e->step)),
                         "cause", json_bytes(e->cause, strlen(e->cause)), "next", json_bytes(e->next, strlen(e->next))),
               stdout, JSON_INDENT(2));
    printf("\n");
}

/* "store" alone is no command, but a word that some begin with. */
static bool is_prefix(const char *word)
{
    size_t length = strlen(word);

    for (const struct command *c = commands; c->name; c++)
        if (!strncmp(c->name, word, length) && c->name[length] == ' ')
            return true;
    return false;
}

static int no_command(struct run *r, const char *word, const char *second)
{
    char both[128];
    struct guess g;

    if (!is_prefix(word))
        second = NULL;
    else if (!second || second[0] == '-')
        return usage_fail(r, "wirt %s needs another word: see wirt help %s", word, word);
    snprintf(both, sizeof(both), "%.50s%s%.50s", word, second ? " " : "", second ? second : "");
    guess_start(&g, both);
    for (const struct command *c = commands; c->name; c++)
        guess_try(&g, c->name);
    return usage_fail(r, "there is no command %s%s%s", both, g.text[0] ? "; " : "", g.text);
}

static int run_line(struct run *r, int argc, char **argv)
{
    bool wants_help = false;
    int code, words;

    r->command = command_find(argv[0], argc > 1 ? argv[1] : NULL);
    for (int i = 1; i < argc && !r->command; i++)
        r->does_json |= !strcmp(argv[i], "--json");
    if (!r->command)
        return no_command(r, argv[0], argc > 1 ? argv[1] : NULL);
    words = strchr(r->command->name, ' ') ? 1 : 0;
    code = read_options(r, argc - words, argv + words, &wants_help);
    if (wants_help)
        return print_help(stdout, r->command);
    code = code ? code : check_count(r);
    return code ? code : r->command->run(r);
}

/* Results are JSON values; one that lacks a part is not shown. What a command has done by then stays done. */
static void *json_memory(size_t size)
{
    void *p = malloc(size);

    if (p)
        return p;
    fputs("wirt: memory: show the result: none is left (wirt list says what is there)\n", stderr);
    _exit(WIRT_NO_ROOM);
}

int main(int argc, char **argv)
{
    struct run r = {.w = wirt_open()};
    int code;

    json_set_alloc_funcs(json_memory, free);
    setlocale(LC_CTYPE, "C.UTF-8");
    if (!r.w) {
        fprintf(stderr, "wirt: memory: start: none is left\n");
        return WIRT_NO_ROOM;
    }
    if (argc < 2 || !strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")) {
        print_summary(argc < 2 ? stderr : stdout);
        return argc < 2 ? WIRT_USAGE : WIRT_OK;
    }
    if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V"))
        argv[1] = "version";
    code = run_line(&r, argc - 1, argv + 1);
    if (!code && (fflush(stdout) || ferror(stdout)))
        code = wirt_fail(r.w, WIRT_FAILED, "standard output", "print", "", "it cannot be written: %m");
    if (code && !r.is_said)
        say_error(&r, code);
    wirt_close(r.w);
    return code;
}
