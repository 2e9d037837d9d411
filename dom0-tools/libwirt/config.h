/* SPDX-License-Identifier: MIT */
/*
 * What the files of the configuration share. A rule says of one element what libvirt's format allows there and Wirt
 * understands: attributes, children, text. The table of rules (config_rules.c) is the only list; the reader checks a
 * tree against it (config_check.c), and schema/domain.rng and the table of wirt-domain(5) are written from it.
 *
 * Attributes are one string, words apart by blanks: "!" in front: must be there; "=" and then the values allowed,
 * apart by "|", or "@" and a type; without "=" any text. The same values, without a name, describe an element's text.
 */
#ifndef WIRT_CONFIG_H
#define WIRT_CONFIG_H

#include <libxml/parser.h>
#include <libxml/tree.h>

#include "wirt.h"

#define CONFIG_BYTES_MAX    (1u << 20)
#define CONFIG_ELEMENTS_MAX 4096u
#define CONFIG_DEPTH_MAX    16u

struct rule {
    const char *name;
    const char *attributes;      /* NULL: none */
    const char *text;            /* NULL: no text; else as an attribute's values */
    const struct rule *children; /* ends with a rule without a name; NULL: none */
    bool is_many, is_needed;
    bool is_any;         /* anything may stand in it; nobody looks */
    const char *why_not; /* known, and refused for this reason */
    const char *ignored; /* accepted and without effect: why that is harmless */
    bool is_noted;       /* ... and said when a configuration is read, as somebody may have meant it */
};
extern const struct rule config_domain, config_disk, config_nic;

struct reader {
    struct wirt *w;
    const char *origin, *text;
    size_t bytes;
    unsigned depth, elements;
    int code; /* of the first failure */
    unsigned shortage;
    char *notes;
};
/* What lies between is good only if no memory was missing: end gives r->code, or WIRT_NO_ROOM instead. */
void config_memory_begin(struct reader *r);
int config_memory_end(struct reader *r);
char *config_copy(const char *text, size_t length); /* strndup and calloc, counted */
void *config_many(size_t count, size_t size);

/* The document in r->text, checked against RULE; NULL: error set. */
xmlDoc *config_parse(struct reader *r, const struct rule *rule);
/* Refuses: at an element, at an attribute of it, or at its text. */
int config_fail(struct reader *r, const xmlNode *node, const char *cause, ...) __attribute__((format(printf, 3, 4)));
int config_fail_at(struct reader *r, const xmlNode *node, const char *attribute, const char *cause, ...)
    __attribute__((format(printf, 4, 5)));
int config_fail_text(struct reader *r, const xmlNode *node, const char *cause, ...)
    __attribute__((format(printf, 3, 4)));

/* What a checked tree holds. Text comes back without blanks at its ends, NULL if there is none; free it. */
xmlNode *config_child(const xmlNode *node, const char *name); /* the first, or NULL */
xmlNode *config_next(const xmlNode *node);                    /* the next of the same name, or NULL */
char *config_text(const xmlNode *node);
char *config_attribute(const xmlNode *node, const char *name);
bool config_has(const xmlNode *node, const char *name, const char *value); /* attribute with that value */

/* ---- values; config_value.c ---- */
/* NULL if TEXT is one of ALLOWED ("a|b" or "@type"); else what would be, for a message. */
const char *config_value_fault(const char *allowed, const char *text);
bool config_number(const char *text, uint64_t *value);
bool config_name_is_valid(const char *name);
bool config_uuid(const char *text, uint8_t uuid[16]);
void config_uuid_from_name(const char *name, uint8_t uuid[16]);
bool config_mac(const char *text, uint8_t mac[6]);
/* "0-3,^2" as bits; NULL or what is wrong with it. */
const char *config_cpus(const char *text, uint64_t *cpus);
void config_cpus_text(uint64_t cpus, char *buffer, size_t size);
/* Bytes in UNIT, rounded up to KiB; false: too many. */
bool config_kib(uint64_t value, const char *unit, uint64_t *kib);
/* The types of values as the schema has them: what they are based on, a pattern of the XML schema language or NULL, the
 * greatest length or 0, and the same in words. NULL at the end. */
struct value_type {
    const char *name, *base, *pattern;
    unsigned length_max;
    const char *means;
};
extern const struct value_type config_types[];

#endif
