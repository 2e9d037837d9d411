/* SPDX-License-Identifier: MIT */
/*
 * Writes what is written from the table of rules (libwirt/config_rules.c): `schema rng` the RELAX NG schema,
 * `schema man` the table of elements in wirt-domain(5). So the reader, the schema and the manual cannot disagree about
 * what an element may hold.
 */
#include <stdio.h>
#include <string.h>

#include "config.h"

static void indent(unsigned depth)
{
    printf("%*s", (int)depth * 2, "");
}

static void xml_text(const char *text)
{
    for (; *text; text++) {
        if (*text == '&')
            printf("&amp;");
        else if (*text == '<')
            printf("&lt;");
        else
            putchar(*text);
    }
}

/* One value, or a choice, or a type. */
static void print_values(const char *values, size_t length, unsigned depth)
{
    const char *end = values + length;

    indent(depth);
    if (length == 4 && !memcmp(values, "@any", 4)) {
        printf("<text/>\n");
        return;
    }
    if (values[0] == '@') {
        printf("<ref name=\"%.*s\"/>\n", (int)length - 1, values + 1);
        return;
    }
    if (!memchr(values, '|', length)) {
        printf("<value>%.*s</value>\n", (int)length, values);
        return;
    }
    printf("<choice>\n");
    for (const char *word = values; word < end;) {
        size_t size = strcspn(word, "| ");

        size = size > (size_t)(end - word) ? (size_t)(end - word) : size;
        indent(depth + 1);
        printf("<value>%.*s</value>\n", (int)size, word);
        word += size + 1;
    }
    indent(depth);
    printf("</choice>\n");
}

static void print_attributes(const char *words, unsigned depth)
{
    while (words && *words) {
        size_t length = strcspn(words, " "), name;
        bool is_needed = words[0] == '!';

        words += is_needed;
        length -= is_needed;
        name = strcspn(words, "= ");
        indent(depth);
        printf("%s<attribute name=\"%.*s\">\n", is_needed ? "" : "<optional>", (int)name, words);
        if (name < length)
            print_values(words + name + 1, length - name - 1, depth + 1);
        indent(depth);
        printf("</attribute>%s\n", is_needed ? "" : "</optional>");
        words += length;
        words += strspn(words, " ");
    }
}

static void print_element(const struct rule *rule, unsigned depth);

static void print_children(const struct rule *rules, unsigned depth)
{
    bool is_any = false;

    for (const struct rule *c = rules; c->name; c++)
        is_any |= !c->why_not;
    if (!is_any) /* RELAX NG has no empty interleave */
        return;
    indent(depth);
    printf("<interleave>\n");
    for (const struct rule *c = rules; c->name; c++) {
        const char *frame = c->is_many ? "zeroOrMore" : c->is_needed ? NULL : "optional";

        if (c->why_not)
            continue;
        if (frame) {
            indent(depth + 1);
            printf("<%s>\n", frame);
        }
        print_element(c, depth + (frame ? 2 : 1));
        if (frame) {
            indent(depth + 1);
            printf("</%s>\n", frame);
        }
    }
    indent(depth);
    printf("</interleave>\n");
}

static void print_element(const struct rule *rule, unsigned depth)
{
    indent(depth);
    printf("<element name=\"%s\">\n", rule->name);
    if (rule->ignored) {
        indent(depth + 1);
        printf("<a:documentation>without effect: ");
        xml_text(rule->ignored);
        printf("</a:documentation>\n");
    }
    print_attributes(rule->attributes, depth + 1);
    if (rule->children) {
        print_children(rule->children, depth + 1);
    } else if (rule->is_any) {
        indent(depth + 1);
        printf("<ref name=\"anything\"/>\n");
    } else if (rule->text) {
        print_values(rule->text, strlen(rule->text), depth + 1);
    } else if (!rule->attributes) {
        indent(depth + 1);
        printf("<empty/>\n");
    }
    indent(depth);
    printf("</element>\n");
}

static void print_type(const struct value_type *t)
{
    if (!t->pattern)
        return;
    printf("  <define name=\"%s\">\n    <a:documentation>", t->name);
    xml_text(t->means);
    printf("</a:documentation>\n    <data type=\"%s\">\n      <param name=\"pattern\">", t->base);
    xml_text(t->pattern);
    printf("</param>\n");
    if (t->length_max)
        printf("      <param name=\"maxLength\">%u</param>\n", t->length_max);
    printf("    </data>\n  </define>\n");
}

static void print_schema(void)
{
    printf("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
           "<!-- SPDX-License-Identifier: MIT -->\n"
           "<!-- The subset of libvirt's domain XML that Wirt reads. Written by write.sh from\n"
           "     libwirt/config_rules.c, which also has what is refused, and why. Do not edit. -->\n"
           "<grammar xmlns=\"http://relaxng.org/ns/structure/1.0\"\n"
           "         xmlns:a=\"http://relaxng.org/ns/compatibility/annotations/1.0\"\n"
           "         datatypeLibrary=\"http://www.w3.org/2001/XMLSchema-datatypes\">\n"
           "  <start>\n");
    print_element(&config_domain, 2);
    printf("  </start>\n");
    for (const struct value_type *t = config_types; t->name; t++)
        print_type(t);
    printf("  <define name=\"anything\">\n"
           "    <zeroOrMore>\n"
           "      <choice>\n"
           "        <attribute><anyName/></attribute>\n"
           "        <text/>\n"
           "        <element><anyName/><ref name=\"anything\"/></element>\n"
           "      </choice>\n"
           "    </zeroOrMore>\n"
           "  </define>\n"
           "</grammar>\n");
}

/* ---- the manual ---- */

static void roff_text(const char *text)
{
    for (; *text; text++) {
        if (*text == '-')
            printf("\\-");
        else if (*text == '\\')
            printf("\\e");
        else
            putchar(*text);
    }
}

/* "a|b" as "a, b"; a type as what it means. */
static void roff_values(const char *values, size_t length)
{
    char text[200];
    size_t used = 0;

    if (values[0] == '@') {
        for (const struct value_type *t = config_types; t->name; t++)
            if (strlen(t->name) == length - 1 && !memcmp(t->name, values + 1, length - 1))
                roff_text(t->means);
        return;
    }
    for (size_t i = 0; i < length && used + 8 < sizeof(text); i++) {
        if (values[i] == '|')
            used += (size_t)snprintf(text + used, sizeof(text) - used, ", ");
        else
            text[used++] = values[i];
    }
    text[used] = 0;
    roff_text(text);
}

static void roff_attributes(const char *words)
{
    while (words && *words) {
        size_t length = strcspn(words, " "), name;
        bool is_needed = words[0] == '!';

        words += is_needed;
        length -= is_needed;
        name = strcspn(words, "= ");
        printf(".br\n");
        printf("\\fI%.*s\\fR%s: ", (int)name, words, is_needed ? " (needed)" : "");
        if (name < length)
            roff_values(words + name + 1, length - name - 1);
        else
            printf("any text");
        printf("\n");
        words += length;
        words += strspn(words, " ");
    }
}

static void roff_sentence(const char *label, const char *text)
{
    printf("%s", label);
    roff_text(text);
    printf(".\n");
}

static void roff_element(const struct rule *rule, const char *path)
{
    char below[200];

    printf(".TP\n.B ");
    roff_text(path);
    roff_text(rule->name);
    printf("\n");
    if (rule->why_not) {
        roff_sentence("Refused: ", rule->why_not);
        return;
    }
    printf("%s.\n", rule->is_needed ? "Needed" : rule->is_many ? "Any number" : "Optional");
    if (rule->text) {
        printf("Holds ");
        roff_values(rule->text, strlen(rule->text));
        printf(".\n");
    }
    if (rule->ignored)
        roff_sentence("Without effect: ", rule->ignored);
    roff_attributes(rule->attributes);
    snprintf(below, sizeof(below), "%s%s/", path, rule->name);
    for (const struct rule *c = rule->children; c && c->name; c++)
        roff_element(c, below);
}

int main(int argc, char **argv)
{
    if (argc == 2 && !strcmp(argv[1], "rng")) {
        print_schema();
    } else if (argc == 2 && !strcmp(argv[1], "man")) {
        for (const struct rule *c = config_domain.children; c->name; c++)
            roff_element(c, "");
    } else {
        fprintf(stderr, "usage: schema rng|man\n");
        return 2;
    }
    return 0;
}
