/* SPDX-License-Identifier: MIT */
/*
 * From text to a checked tree. libxml2 parses; what could be used against the reader ends it at once: document types
 * (and with them all entities), other encodings than UTF-8, more than CONFIG_BYTES_MAX bytes, CONFIG_ELEMENTS_MAX
 * elements or CONFIG_DEPTH_MAX levels. Nothing is ever fetched. Each node remembers where in the text its tag begins;
 * line and column are counted from that when a message needs them. Then the tree is held against the rules, from the
 * top down in the order of the text, and the first thing that does not fit is the message.
 */
#include <libxml/parserInternals.h>
#include <libxml/SAX2.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"

static const char step[] = "read the configuration";
static const char blanks[] = " \t\r\n";

/* ---- places and messages ---- */

static int fail_at(struct reader *r, size_t offset, const char *cause, va_list args)
{
    char place[160], text[320], tail[48];
    size_t line = 1, column = 1, length = strlen(r->origin), room;

    if (r->code)
        return r->code;
    for (size_t i = 0; i < offset && i < r->bytes; i++) {
        unsigned char c = (unsigned char)r->text[i];

        column += (c & 0xc0) != 0x80;
        if (c == '\n') {
            line++;
            column = 1;
        }
    }
    snprintf(tail, sizeof(tail), ":%zu:%zu", line, column);
    room = sizeof(place) - strlen(tail) - 4;
    snprintf(place, sizeof(place), "%s%s%s", length > room ? "..." : "",
             length > room ? r->origin + length - room : r->origin, tail);
    vsnprintf(text, sizeof(text), cause, args);
    r->code = wirt_fail(r->w, WIRT_REFUSED, place, step, "", "%s", text);
    return r->code;
}

static int fail_offset(struct reader *r, size_t offset, const char *cause, ...) __attribute__((format(printf, 3, 4)));
static int fail_offset(struct reader *r, size_t offset, const char *cause, ...)
{
    va_list args;

    va_start(args, cause);
    fail_at(r, offset, cause, args);
    va_end(args);
    return r->code;
}

static size_t node_offset(const xmlNode *node)
{
    return (size_t)node->_private;
}

/* Where the attribute NAME stands in the tag at OFFSET; where the tag ends if NAME is NULL. */
static size_t in_tag(const struct reader *r, size_t offset, const char *name)
{
    size_t at = offset, length = name ? strlen(name) : 0;

    while (at < r->bytes && r->text[at] != '>') {
        char c = r->text[at];

        if (c == '"' || c == '\'') {
            const char *end = memchr(r->text + at + 1, c, r->bytes - at - 1);

            if (!end)
                break;
            at = (size_t)(end - r->text) + 1;
            continue;
        }
        if (name && at > offset && strchr(" \t\r\n:", r->text[at - 1]) && r->bytes - at > length &&
            !memcmp(r->text + at, name, length) && strchr(" \t\r\n=", r->text[at + length]))
            return at;
        at++;
    }
    return name ? offset : at;
}

int config_fail(struct reader *r, const xmlNode *node, const char *cause, ...)
{
    va_list args;

    va_start(args, cause);
    fail_at(r, node_offset(node), cause, args);
    va_end(args);
    return r->code;
}

int config_fail_at(struct reader *r, const xmlNode *node, const char *attribute, const char *cause, ...)
{
    va_list args;

    va_start(args, cause);
    fail_at(r, in_tag(r, node_offset(node), attribute), cause, args);
    va_end(args);
    return r->code;
}

int config_fail_text(struct reader *r, const xmlNode *node, const char *cause, ...)
{
    size_t at = in_tag(r, node_offset(node), NULL);
    va_list args;

    if (at < r->bytes && at > 0 && r->text[at - 1] != '/')
        at++;
    while (at < r->bytes && r->text[at] && strchr(blanks, r->text[at]))
        at++;
    va_start(args, cause);
    fail_at(r, at, cause, args);
    va_end(args);
    return r->code;
}

/* As much of a value as a message has room for. */
static const char *shown(const char *text, char buffer[48])
{
    snprintf(buffer, 48, "%.40s%s", text, strlen(text) > 40 ? "..." : "");
    return buffer;
}

/* ---- reading a tree ---- */

xmlNode *config_child(const xmlNode *node, const char *name)
{
    for (xmlNode *n = node ? node->children : NULL; n; n = n->next)
        if (n->type == XML_ELEMENT_NODE && !strcmp((const char *)n->name, name))
            return n;
    return NULL;
}

xmlNode *config_next(const xmlNode *node)
{
    for (xmlNode *n = node->next; n; n = n->next)
        if (n->type == XML_ELEMENT_NODE && !xmlStrcmp(n->name, node->name))
            return n;
    return NULL;
}

static char *trim(xmlChar *text)
{
    char *from = (char *)text, *trimmed = NULL;
    size_t length;

    if (!from)
        return NULL;
    from += strspn(from, blanks);
    for (length = strlen(from); length && strchr(blanks, from[length - 1]); length--)
        ;
    if (length)
        trimmed = config_copy(from, length);
    xmlFree(text);
    return trimmed;
}

char *config_text(const xmlNode *node)
{
    return node ? trim(xmlNodeGetContent(node)) : NULL;
}

char *config_attribute(const xmlNode *node, const char *name)
{
    return node ? trim(xmlGetNoNsProp(node, (const xmlChar *)name)) : NULL;
}

bool config_has(const xmlNode *node, const char *name, const char *value)
{
    char *is = config_attribute(node, name);
    bool is_equal = is && !strcmp(is, value);

    free(is);
    return is_equal;
}

/* ---- parsing ---- */

static void on_document_type(void *arg, const xmlChar *name, const xmlChar *external, const xmlChar *system)
{
    xmlParserCtxt *parser = arg;
    struct reader *r = parser->_private;
    size_t at = (size_t)xmlByteConsumed(parser);

    (void)name, (void)external, (void)system;
    at = at < r->bytes ? at : r->bytes - 1;
    while (at > 0 && memcmp(r->text + at, "<!D", r->bytes - at < 3 ? r->bytes - at : 3))
        at--;
    fail_offset(r, at, "a document type (<!DOCTYPE ...>) has no place in a configuration");
    xmlStopParser(parser);
}

static void on_start(void *arg, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri, int spaces,
                     const xmlChar **space, int count, int defaulted, const xmlChar **attributes)
{
    xmlParserCtxt *parser = arg;
    struct reader *r = parser->_private;
    size_t at = (size_t)xmlByteConsumed(parser);

    while (at > 0 && (at >= r->bytes || r->text[at] != '<'))
        at--;
    if (++r->elements > CONFIG_ELEMENTS_MAX || ++r->depth > CONFIG_DEPTH_MAX) {
        if (r->elements > CONFIG_ELEMENTS_MAX)
            fail_offset(r, at, "more than %u elements", CONFIG_ELEMENTS_MAX);
        else
            fail_offset(r, at, "elements are nested more than %u deep", CONFIG_DEPTH_MAX);
        xmlStopParser(parser);
        return;
    }
    xmlSAX2StartElementNs(arg, name, prefix, uri, spaces, space, count, defaulted, attributes);
    if (parser->node)
        parser->node->_private = (void *)at;
}

static void on_end(void *arg, const xmlChar *name, const xmlChar *prefix, const xmlChar *uri)
{
    struct reader *r = ((xmlParserCtxt *)arg)->_private;

    r->depth--;
    xmlSAX2EndElementNs(arg, name, prefix, uri);
}

static void on_error(void *arg, xmlError *error)
{
    xmlParserCtxt *parser = arg;
    struct reader *r = parser->_private;
    char text[200];
    size_t at;

    if (error->level < XML_ERR_ERROR || r->code)
        return;
    snprintf(text, sizeof(text), "%s", error->message ? error->message : "not well-formed");
    text[strcspn(text, "\n")] = 0;
    at = (size_t)xmlByteConsumed(parser);
    fail_offset(r, at < r->bytes ? at : r->bytes, "this is not XML: %s", text);
    xmlStopParser(parser);
}

/* A document in one string, in UTF-8 whatever it says. Predefined entities and character references are put in place;
 * no others can exist. */
static xmlDoc *parse(struct reader *r)
{
    xmlParserCtxt *parser = xmlNewParserCtxt();
    xmlDoc *doc;

    if (!parser)
        return NULL;
    parser->_private = r;
    parser->sax->internalSubset = on_document_type;
    parser->sax->startElementNs = on_start;
    parser->sax->endElementNs = on_end;
    parser->sax->serror = (xmlStructuredErrorFunc)on_error;
    doc = xmlCtxtReadMemory(parser, r->text, (int)r->bytes, NULL, NULL,
                            XML_PARSE_NONET | XML_PARSE_NOENT | XML_PARSE_NOCDATA | XML_PARSE_IGNORE_ENC |
                                XML_PARSE_COMPACT);
    if (!parser->wellFormed && !r->code)
        fail_offset(r, r->bytes, "this is not XML, or memory ran out");
    if (r->code && doc) {
        xmlFreeDoc(doc);
        doc = NULL;
    }
    xmlFreeParserCtxt(parser);
    return doc;
}

/* ---- checking against the rules ---- */

/* The next word of a rule's attributes into parts; false at the end. */
static bool attribute_word(const char **words, char name[32], char allowed[128], bool *is_needed)
{
    size_t length, name_length;
    const char *from = *words + strspn(*words, " ");

    length = strcspn(from, " ");
    *words = from + length;
    if (!length)
        return false;
    *is_needed = from[0] == '!';
    from += *is_needed;
    length -= *is_needed;
    name_length = strcspn(from, "= ");
    snprintf(name, 32, "%.*s", (int)name_length, from);
    if (name_length < length)
        snprintf(allowed, 128, "%.*s", (int)(length - name_length - 1), from + name_length + 1);
    else
        snprintf(allowed, 128, "@any");
    return true;
}

static int check_attribute(struct reader *r, const xmlNode *node, const xmlAttr *attribute, const struct rule *rule)
{
    const char *words = rule->attributes ? rule->attributes : "", *name = (const char *)attribute->name, *fault;
    char known[32], allowed[128], buffer[48], *value;
    bool is_needed;

    while (attribute_word(&words, known, allowed, &is_needed)) {
        if (attribute->ns || strcmp(known, name))
            continue;
        value = config_attribute(node, name);
        fault = config_value_fault(allowed, value ? value : "");
        if (fault)
            config_fail_at(r, node, name, "<%s>: %s is '%s', and has to be %s", rule->name, name,
                           shown(value ? value : "", buffer), fault);
        free(value);
        return r->code;
    }
    return config_fail_at(r, node, name, "<%s> has no attribute %s%s%s here", rule->name,
                          attribute->ns ? (const char *)attribute->ns->prefix : "", attribute->ns ? ":" : "",
                          shown(name, buffer));
}

static int check_attributes(struct reader *r, const xmlNode *node, const struct rule *rule)
{
    const char *words = rule->attributes ? rule->attributes : "";
    char name[32], allowed[128];
    bool is_needed;

    for (const xmlAttr *a = node->properties; a && !r->code; a = a->next)
        check_attribute(r, node, a, rule);
    while (!r->code && attribute_word(&words, name, allowed, &is_needed))
        if (is_needed && !xmlHasProp(node, (const xmlChar *)name))
            config_fail(r, node, "<%s> needs the attribute %s", rule->name, name);
    return r->code;
}

static int check_text(struct reader *r, const xmlNode *node, const struct rule *rule)
{
    char buffer[48], *value = config_text(node);
    const char *fault = NULL;

    if (rule->text)
        fault = config_value_fault(rule->text, value ? value : "");
    if (fault)
        config_fail_text(r, node, "<%s> is '%s', and has to be %s", rule->name, shown(value ? value : "", buffer),
                         fault);
    else if (!rule->text && !rule->children && value)
        config_fail_text(r, node, "<%s> holds no text", rule->name);
    free(value);
    return r->code;
}

static void note(struct reader *r, const xmlNode *node, const struct rule *rule)
{
    char *all = NULL;

    if (asprintf(&all, "%s%s<%s> has no effect: %s", r->notes ? r->notes : "", r->notes ? "\n" : "",
                 (const char *)node->name, rule->ignored) < 0)
        return;
    free(r->notes);
    r->notes = all;
}

static int check_name_space(struct reader *r, const xmlNode *node)
{
    char name[48], space[48];

    if (node->ns)
        config_fail(r, node, "<%s> is of a name space, %s: libvirt's elements are of none",
                    shown((const char *)node->name, name), shown((const char *)node->ns->href, space));
    return r->code;
}

static int check(struct reader *r, const xmlNode *node, const struct rule *rule);

static const struct rule *find_rule(const struct rule *rules, const xmlNode *node)
{
    while (rules && rules->name && strcmp(rules->name, (const char *)node->name))
        rules++;
    return rules && rules->name ? rules : NULL;
}

static int check_child(struct reader *r, const xmlNode *child, const struct rule *rule)
{
    const struct rule *found = find_rule(rule->children, child);
    char buffer[48];

    if (check_name_space(r, child))
        return r->code;
    if (!found)
        return config_fail(r, child, "<%s> is not known%s%s%s", shown((const char *)child->name, buffer),
                           rule->children ? " inside <" : ": no element stands inside <", rule->name, ">");
    if (found->why_not)
        return config_fail(r, child, "<%s> is not supported: %s", found->name, found->why_not);
    if (!found->is_many)
        for (const xmlNode *before = child->prev; before; before = before->prev)
            if (before->type == XML_ELEMENT_NODE && !xmlStrcmp(before->name, child->name))
                return config_fail(r, child, "a second <%s>: there can be one inside <%s>", found->name, rule->name);
    if (found->is_noted)
        note(r, child, found);
    return check(r, child, found);
}

static int check(struct reader *r, const xmlNode *node, const struct rule *rule)
{
    if (rule->is_any)
        return 0;
    check_attributes(r, node, rule);
    for (const xmlNode *n = node->children; n && !r->code; n = n->next) {
        if (n->type == XML_ELEMENT_NODE)
            check_child(r, n, rule);
        else if (n->type == XML_TEXT_NODE && rule->children && n->content[strspn((char *)n->content, blanks)])
            config_fail_text(r, node, "<%s> holds elements, not text", rule->name);
    }
    if (!r->code)
        check_text(r, node, rule);
    for (const struct rule *c = rule->children; c && c->name && !r->code; c++)
        if (c->is_needed && !config_child(node, c->name))
            config_fail(r, node, "<%s> has no <%s>", rule->name, c->name);
    return r->code;
}

/* The encoding that an XML declaration names; an empty text if it names none. */
static const char *declared_encoding(const struct reader *r, char name[48])
{
    const char *end = r->bytes > 5 && !memcmp(r->text, "<?xml", 5) ? memmem(r->text, r->bytes, "?>", 2) : NULL;
    const char *at = end ? memmem(r->text, (size_t)(end - r->text), "encoding", 8) : NULL;

    name[0] = 0;
    if (at)
        at += 8 + strspn(at + 8, " \t\r\n=");
    if (at && at < end)
        snprintf(name, 48, "%.*s", (int)strcspn(at + 1, "\"'?"), at + 1);
    return name;
}

/* NULL, or why the bytes are not text that the parser should see at all. */
static const char *unfit(const struct reader *r)
{
    char *copy;
    bool is_utf8;

    if (!r->bytes)
        return "it is empty";
    if (memchr(r->text, 0, r->bytes))
        return "it holds a zero byte: write it in UTF-8";
    copy = config_copy(r->text, r->bytes);
    is_utf8 = copy && xmlCheckUTF8((const unsigned char *)copy);
    free(copy);
    return is_utf8 ? NULL : "it is not UTF-8";
}

xmlDoc *config_parse(struct reader *r, const struct rule *rule)
{
    char buffer[48], encoding[48];
    const xmlNode *root;
    const char *fault;
    xmlDoc *doc;

    config_memory_begin(r);
    fault = r->bytes > CONFIG_BYTES_MAX ? "it is larger than 1 MiB" : unfit(r);
    if (fault) {
        fail_offset(r, 0, "%s", fault);
        return NULL;
    }
    declared_encoding(r, encoding);
    if (encoding[0] && strcasecmp(encoding, "UTF-8") && strcasecmp(encoding, "US-ASCII")) {
        fail_offset(r, 0, "encoding %s: write it in UTF-8", encoding);
        return NULL;
    }
    doc = parse(r);
    if (!doc) {
        fail_offset(r, 0, "memory ran out");
        return NULL;
    }
    root = xmlDocGetRootElement(doc);
    if (!check_name_space(r, root) && strcmp((const char *)root->name, rule->name))
        config_fail(r, root, "the outermost element is <%s>, and has to be <%s>",
                    shown((const char *)root->name, buffer), rule->name);
    if (!r->code && !check(r, root, rule))
        return doc;
    xmlFreeDoc(doc);
    return NULL;
}
