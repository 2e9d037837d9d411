/* SPDX-License-Identifier: MIT */
/*
 * What the files of the command `wirt` share. A command is a row of the table in commands.c: name, arguments, options,
 * a line of help, the members of its JSON, and a function. Dispatch, help, completion and the check of the man page all
 * read the row. A function fills a JSON value and gives it to show_*, which prints it as JSON, or as text by a list of
 * columns; so what a person sees and what a program reads have one source. Functions return an enum wirt_code, with the
 * handle's error set.
 */
#ifndef WIRT_CLI_H
#define WIRT_CLI_H

#include <jansson.h>
#include <stdio.h>

#include "wirt.h"

struct choice { /* an option of a command */
    char letter;
    const char *name, *value, *help; /* value: what it takes, NULL if it takes none */
};

struct run;
struct command {
    const char *name, *arguments, *help;
    int (*run)(struct run *r);
    const struct choice *choices; /* ends with one without a name; may be NULL */
    int least, most;              /* arguments; most -1: any number */
    const char *json;             /* what --json prints */
    const char *more;             /* what the help says behind the options, or NULL */
};
extern const struct command commands[]; /* ends with one without a name */

#define CHOICES_MAX 8
struct run { /* one command being run */
    struct wirt *w;
    const struct command *command;
    int count;
    char **arguments;
    const char *value[CHOICES_MAX]; /* by place in choices: NULL if not given, "" for one without a value */
    bool does_json;
    bool is_said; /* the error is out already */
};
const char *run_choice(const struct run *r, char letter);

/* ---- main.c ---- */
int usage_fail(struct run *r, const char *cause, ...) __attribute__((format(printf, 2, 3)));
const struct command *command_find(const char *first, const char *second);
/* "did you mean X?" by the fewest changes of letters, or an empty string. */
struct guess {
    const char *word;
    unsigned best;
    char text[120];
};
void guess_start(struct guess *g, const char *word);
void guess_try(struct guess *g, const char *candidate);

/* ---- show.c ---- */
enum kind { K_TEXT, K_NUMBER, K_MIB, K_SECONDS, K_BOOL };
struct column {
    const char *title, *key;
    enum kind kind;
};
/* Prints and gives up the value. An array as a table, an object as lines "title  value". */
int show_rows(struct run *r, json_t *rows, const struct column *columns);
int show_fields(struct run *r, json_t *fields, const struct column *columns);
/* JSON only: prints the value; else the sentence. */
int show_done(struct run *r, json_t *value, const char *sentence, ...) __attribute__((format(printf, 3, 4)));
/* {"KEY": TEXT} or the text itself, which may hold anything; frees it. */
int show_text(struct run *r, const char *key, char *text, size_t bytes);
json_t *json_bytes(const char *text, size_t bytes); /* not UTF-8: as \xNN */
json_t *json_uuid(const uint8_t uuid[16]);
void print_clean(FILE *out, const char *text, size_t bytes); /* without what a terminal would obey */
bool has_colour(FILE *out);

/* ---- domain.c ---- */
int find_domain(struct run *r, int argument, struct wirt_domain *d);
json_t *json_domain(struct wirt *w, const struct wirt_domain *d);
json_t *json_id(const struct wirt_domain *d); /* {"id", "name"} */
/* Every name that a command might mean: running, and defined if asked. */
int each_name(struct wirt *w, bool with_defined, void (*fn)(void *arg, const char *name), void *arg);

/* ---- number.c ---- */
int parse_number(struct run *r, const char *what, const char *text, uint64_t least, uint64_t most, uint64_t *value);
int parse_memory(struct run *r, const char *text, uint64_t *kib);
int parse_cpus(struct run *r, const char *text, uint64_t *cpus);
void cpus_text(uint64_t cpus, char *buffer, size_t size); /* "all", "0-3,5" */

/* ---- progress.c: one line on a terminal, for what takes over a second ---- */
struct progress {
    struct wirt_progress to;
    const char *what;
    uint64_t start_ns;
    bool is_shown;
};
void progress_start(struct progress *p, const struct run *r, const char *what);
void progress_end(struct progress *p);
uint64_t now_ns(void);

/* ---- the commands ---- */
int console_attach(struct run *r, const char *name, char escape, bool does_replay);
int run_attach_disk(struct run *r), run_attach_nic(struct run *r), run_audit(struct run *r),
    run_autostart(struct run *r);
int run_console(struct run *r), run_create(struct run *r), run_debug_keys(struct run *r), run_define(struct run *r);
int run_destroy(struct run *r), run_detach_disk(struct run *r), run_detach_nic(struct run *r), run_dmesg(struct run *r);
int run_dominfo(struct run *r), run_dump(struct run *r), run_events(struct run *r), run_help(struct run *r),
    run_info(struct run *r);
int run_list(struct run *r), run_log(struct run *r), run_mem_max(struct run *r), run_mem_set(struct run *r);
int run_pause(struct run *r), run_reboot(struct run *r), run_rename(struct run *r), run_sched(struct run *r);
int run_shutdown(struct run *r), run_start(struct run *r), run_store_chmod(struct run *r), run_store_ls(struct run *r);
int run_store_read(struct run *r), run_store_rm(struct run *r), run_store_watch(struct run *r);
int run_store_write(struct run *r), run_sysrq(struct run *r), run_undefine(struct run *r), run_unpause(struct run *r);
int run_vcpu_list(struct run *r), run_vcpu_pin(struct run *r), run_vcpu_set(struct run *r), run_version(struct run *r);
int run_top(struct run *r);
int print_help(FILE *out, const struct command *c);
void print_summary(FILE *out);

#endif
