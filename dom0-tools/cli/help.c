/* SPDX-License-Identifier: MIT */
/*
 * Help, written from the table of commands: the summary, a command's page, and the bare lists that completion reads.
 */
#include <string.h>

#include "cli.h"

static const struct {
    const char *first, *title; /* the first command of a group */
} groups[] = {
    {"create", "Domains"},      {"define", "Definitions"}, {"vcpu-list", "Processors and memory"},
    {"attach-disk", "Devices"}, {"store ls", "Xenstore"},  {"info", "The machine"},
};

void print_summary(FILE *out)
{
    fprintf(out, "usage: wirt COMMAND [--json] [OPTIONS] [ARGUMENTS]\n");
    for (const struct command *c = commands; c->name; c++) {
        for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++)
            if (!strcmp(groups[i].first, c->name))
                fprintf(out, "\n%s\n", groups[i].title);
        fprintf(out, "  %-12s %s\n", c->name, c->help);
    }
    fprintf(out,
            "\nDOMAIN is a name or a number (an id); a name is never a number alone. Exit codes: 0 done, 1 a step\n"
            "failed, 2 command line, 3 not found, 4 taken, 5 no room, 6 no hypervisor or daemon, 7 too late,\n"
            "8 refused. wirt help COMMAND or man wirt says more.\n");
}

/* TEXT broken into lines of at most 76 columns, each behind two blanks. */
static void print_folded(FILE *out, const char *text)
{
    size_t column = 0;

    for (const char *word = text; *word;) {
        size_t length = strcspn(word, " ");

        if (column && column + 1 + length > 76) {
            fputc('\n', out);
            column = 0;
        }
        column += (size_t)fprintf(out, "%s%.*s", column ? " " : "  ", (int)length, word);
        word += length + strspn(word + length, " ");
    }
    fputc('\n', out);
}

int print_help(FILE *out, const struct command *c)
{
    fprintf(out, "usage: wirt %s%s%s%s\n\n", c->name, c->choices ? " [OPTIONS]" : "", c->arguments[0] ? " " : "",
            c->arguments);
    print_folded(out, c->help);
    fprintf(out, "\n");
    for (const struct choice *choice = c->choices; choice && choice->name; choice++) {
        char names[48];

        snprintf(names, sizeof(names), "-%c, --%s%s%s", choice->letter, choice->name, choice->value ? " " : "",
                 choice->value ? choice->value : "");
        fprintf(out, "  %-24s %s\n", names, choice->help);
    }
    fprintf(out, "      %-20s print JSON\n  -h, %-20s show this\n", "--json", "--help");
    if (c->more) {
        fprintf(out, "\n");
        print_folded(out, c->more);
    }
    fprintf(out, "\n  JSON:\n");
    print_folded(out, c->json);
    return 0;
}

static json_t *json_command(const struct command *c)
{
    json_t *options = json_array();

    for (const struct choice *choice = c->choices; choice && choice->name; choice++)
        json_array_append_new(options, json_pack("{s:s#, s:s, s:s?, s:s}", "letter", &choice->letter, 1, "name",
                                                 choice->name, "value", choice->value, "help", choice->help));
    return json_pack("{s:s, s:s, s:s, s:s?, s:s, s:o}", "name", c->name, "arguments", c->arguments, "help", c->help,
                     "more", c->more, "json", c->json, "options", options);
}

static int list_all(struct run *r)
{
    json_t *all = json_array();

    if (run_choice(r, 'N')) {
        for (const struct command *c = commands; c->name; c++)
            r->does_json ? json_array_append_new(all, json_string(c->name)) : printf("%s\n", c->name);
        return r->does_json ? show_rows(r, all, NULL) : 0;
    }
    if (!r->does_json) {
        print_summary(stdout);
        return 0;
    }
    for (const struct command *c = commands; c->name; c++)
        json_array_append_new(all, json_command(c));
    return show_rows(r, all, NULL);
}

int run_help(struct run *r)
{
    const char *first = r->count ? r->arguments[0] : NULL;
    const struct command *c = first ? command_find(first, r->count > 1 ? r->arguments[1] : NULL) : NULL;
    struct guess g;
    int found = 0;

    if (!first)
        return list_all(r);
    if (c && run_choice(r, 'A'))
        return show_done(r, json_pack("{s:s}", "arguments", c->arguments), "%s", c->arguments);
    if (c && run_choice(r, 'O')) {
        for (const struct choice *choice = c->choices; choice && choice->name; choice++)
            printf("--%s%s\n", choice->name, choice->value ? "=" : "");
        printf("--json\n--help\n");
        return 0;
    }
    if (c)
        return r->does_json ? show_fields(r, json_command(c), NULL) : print_help(stdout, c);
    guess_start(&g, first);
    for (c = commands; c->name; c++) {
        guess_try(&g, c->name);
        if (!strncmp(c->name, first, strlen(first)) && c->name[strlen(first)] == ' ' && r->count == 1)
            found += printf("  %-12s %s\n", c->name, c->help);
    }
    return found ? 0 : usage_fail(r, "there is no command %.60s%s%s", first, g.text[0] ? "; " : "", g.text);
}
