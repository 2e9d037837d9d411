/* SPDX-License-Identifier: MIT */
/*
 * Every row of the reader's table of rules makes cases of its own: an element that is not supported is refused with the
 * row's reason; one that is has no attribute that the row does not know, needs those that it says, and is there twice
 * only if it may be. So a new row is tested as soon as it is written.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "xml.h"

struct spot { /* where a rule's element goes in a document */
    const struct rule *children;
    const char *place, *parent;
    int line;
};

static void row_is_refused(const struct spot *s, const struct rule *rule)
{
    char fragment[400], words[400], place[40], *text;

    snprintf(fragment, sizeof(fragment), "<%s/>", rule->name);
    snprintf(words, sizeof(words), "<%s> is not supported: %s", rule->name, rule->why_not);
    snprintf(place, sizeof(place), "%d:1", s->line);
    text = whole(s->place, fragment);
    refuse(rule->name, text, strlen(text), place, words, 0);
    free(text);
}

/* A good value of an attribute or text that is described by VALUES. */
static void good_value(const char *values, char *out, size_t size)
{
    static const char *const goods[][2] = {
        {"@name", "aa"},  {"@number", "0"}, {"@count", "1"},     {"@uuid", "00112233-4455-6677-8899-aabbccddeeff"},
        {"@cpus", "0"},   {"@path", "/p"},  {"@target", "xvdz"}, {"@mac", "00:16:3e:00:00:01"},
        {"@ifname", "b"}, {"@any", "x"}};

    for (unsigned i = 0; i < sizeof(goods) / sizeof(goods[0]); i++)
        if (!strncmp(values, goods[i][0], strlen(goods[i][0]))) {
            snprintf(out, size, "%s", goods[i][1]);
            return;
        }
    snprintf(out, size, "%.*s", (int)strcspn(values, "| "), values);
}

/* The element with its needed attributes, those but SKIP, and its text; EXTRA among the attributes. */
static void element_of(const struct rule *rule, const char *skip, const char *extra, char *out, size_t size)
{
    size_t used = (size_t)snprintf(out, size, "<%s%s", rule->name, extra);
    char value[100];

    for (const char *word = rule->attributes; word && *word; word += strcspn(word, " "), word += strspn(word, " ")) {
        size_t name = strcspn(word + 1, "= ");

        if (word[0] != '!' || (skip && strlen(skip) == name && !memcmp(skip, word + 1, name)))
            continue;
        good_value(word[name + 1] == '=' ? word + name + 2 : "@any", value, sizeof(value));
        used += (size_t)snprintf(out + used, size - used, " %.*s='%s'", (int)name, word + 1, value);
    }
    value[0] = 0;
    if (rule->text)
        good_value(rule->text, value, sizeof(value));
    snprintf(out + used, size - used, ">%s</%s>", value, rule->name);
}

static void row_attributes(const struct spot *s, const struct rule *rule)
{
    char fragment[800], words[400], place[40], name[64], *text;

    snprintf(place, sizeof(place), "%d:%zu", s->line, strlen(rule->name) + 3);
    element_of(rule, NULL, " bogus='1'", fragment, sizeof(fragment));
    snprintf(words, sizeof(words), "<%s> has no attribute bogus here", rule->name);
    text = whole(s->place, fragment);
    refuse(rule->name, text, strlen(text), place, words, 0);
    free(text);
    for (const char *word = rule->attributes; word && *word; word += strcspn(word, " "), word += strspn(word, " ")) {
        if (word[0] != '!')
            continue;
        snprintf(name, sizeof(name), "%.*s", (int)strcspn(word + 1, "= "), word + 1);
        element_of(rule, name, "", fragment, sizeof(fragment));
        snprintf(words, sizeof(words), "<%s> needs the attribute %s", rule->name, name);
        snprintf(place, sizeof(place), "%d:1", s->line);
        text = whole(s->place, fragment);
        refuse(rule->name, text, strlen(text), place, words, 0);
        free(text);
    }
}

static void row_twice(const struct spot *s, const struct rule *rule)
{
    char one[400], fragment[900], words[300], place[40], *text;

    element_of(rule, NULL, "", one, sizeof(one));
    snprintf(fragment, sizeof(fragment), "%s\n%s", one, one);
    snprintf(words, sizeof(words), "a second <%s>: there can be one inside <%s>", rule->name, s->parent);
    snprintf(place, sizeof(place), "%d:1", s->line + 1);
    text = whole(s->place, fragment);
    refuse(rule->name, text, strlen(text), place, words, 0);
    free(text);
}

static void run_rows(const struct spot *s)
{
    for (const struct rule *rule = s->children; rule->name; rule++) {
        bool is_in_base = rule->is_needed || !strcmp(rule->name, "kernel") || !strcmp(rule->name, "devices") ||
                          (!strcmp(s->parent, "interface") && !strcmp(rule->name, "source"));

        if (rule->why_not) {
            row_is_refused(s, rule);
            continue;
        }
        if (!rule->is_any && !is_in_base && !(rule->children && rule->children[0].is_needed))
            row_attributes(s, rule);
        if (!rule->is_many && !is_in_base)
            row_twice(s, rule);
    }
}

static const struct rule *child_rules(const struct rule *rules, const char *name)
{
    while (strcmp(rules->name, name))
        rules++;
    return rules->children;
}

void run_table(void)
{
    const struct rule *devices = child_rules(config_domain.children, "devices");
    const struct spot spots[] = {
        {config_domain.children, "domain", "domain", 8},
        {child_rules(config_domain.children, "os"), "os", "os", 6},
        {devices, "devices", "devices", 10},
        {config_disk.children, "disk", "disk", 11},
        {config_nic.children, "nic", "interface", 11},
    };

    for (unsigned i = 0; i < sizeof(spots) / sizeof(spots[0]); i++)
        run_rows(&spots[i]);
}
