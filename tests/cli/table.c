/* SPDX-License-Identifier: MIT */
/*
 * Tables of the command wirt, without a hypervisor: whatever the rows are, a name stands whole, columns stand under
 * each other, and no line is over 80 columns. The rows are made here; what is looked at is what show_rows prints.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"

static unsigned passed, failed;

static void say(bool is_good, const char *what)
{
    passed += is_good;
    failed += !is_good;
    if (!is_good)
        fprintf(stderr, "FAIL table: %s\n", what);
}

static const struct column columns[] = {
    {"Id", "id", K_NUMBER}, {"Name", "name", K_TEXT},       {"State", "state", K_TEXT}, {"vCPUs", "vcpus", K_NUMBER},
    {"MiB", "mib", K_MIB},  {"CPU s", "cpu_ns", K_SECONDS}, {"", "note", K_TEXT},       {NULL, NULL, K_TEXT}};

static json_t *row(int id, const char *name, json_int_t kib, const char *note)
{
    return json_pack("{s:i, s:s, s:s, s:i, s:I, s:I, s:s}", "id", id, "name", name, "state", "running", "vcpus", 32,
                     "mib", kib, "cpu_ns", (json_int_t)123456789012345, "note", note);
}

/* Prints rows into a string. */
static char *shown(json_t *rows)
{
    struct run r = {0};
    char *text = calloc(1, 1 << 16), path[] = "/tmp/wirt-table.XXXXXX";
    int fd = mkstemp(path);
    FILE *old = stdout, *file = fdopen(fd, "w+");

    stdout = file;
    show_rows(&r, rows, columns);
    stdout = old;
    rewind(file);
    if (fread(text, 1, (1 << 16) - 1, file) == 0)
        text[0] = 0;
    fclose(file);
    remove(path);
    return text;
}

static bool is_narrow(const char *text)
{
    for (const char *end; (end = strchr(text, '\n')); text = end + 1)
        if (end - text > 80)
            return false;
    return true;
}

int main(void)
{
    char name[64], note[100];
    char *text;

    memset(name, 'n', 63);
    name[63] = 0;
    memset(note, 'x', 75);
    note[75] = 0;
    text = shown(json_pack("[o, o]", row(0, "Domain-0", 1048576, ""), row(32751, "web", 16777216, "")));
    say(is_narrow(text), "two short rows are too wide");
    say(!strcmp(text, "   Id  Name      State    vCPUs    MiB     CPU s\n"
                      "    0  Domain-0  running     32   1024  123456.8\n"
                      "32751  web       running     32  16384  123456.8\n"),
        text);
    free(text);
    text = shown(json_pack("[o, o]", row(1, name, 4194304, ""), row(2, "b", 1000, "held by dom0")));
    say(strstr(text, name) != NULL, "a long name is cut");
    say(is_narrow(text) || strlen(name) > 80, "a long name makes a line too wide");
    say(strstr(text, " 1000.0") == NULL && strstr(text, "  1.0  ") != NULL, "KiB that are no whole MiB");
    free(text);
    text = shown(json_pack("[o]", row(1, "a", 4194304, note)));
    say(strstr(text, note) != NULL && is_narrow(text), "a note is cut or too wide");
    free(text);
    text = shown(json_pack("[o]", row(1, "a", 4194304, "\033[31mred\007")));
    say(strstr(text, "red") && !strchr(text, 033) && !strchr(text, 7), "a note speaks to the terminal");
    free(text);
    printf("%u passed, %u failed\n", passed, failed);
    return failed != 0;
}
