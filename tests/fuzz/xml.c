/* SPDX-License-Identifier: MIT */
/*
 * The reader of domains' XML under libFuzzer. Whatever the bytes are, it refuses them with a place and a reason, or it
 * accepts them; then they are valid by the schema (SCHEMA in the environment), and what is written from them reads back
 * to the same text. Mutations are those of an XML dictionary (xml.dict), so that most inputs stay well-formed for long.
 */
#include <libxml/relaxng.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"

static struct wirt *w;
static xmlRelaxNG *grammar;
static xmlRelaxNGValidCtxt *schema;

static void quiet(void *arg, xmlError *error)
{
    (void)arg, (void)error;
}

static void claim(bool holds, const char *what)
{
    if (holds)
        return;
    fprintf(stderr, "xml: %s\n", what);
    abort();
}

static void start(void)
{
    const char *path = getenv("SCHEMA");
    xmlRelaxNGParserCtxt *parser;

    xmlSetStructuredErrorFunc(NULL, (xmlStructuredErrorFunc)quiet);
    parser = path ? xmlRelaxNGNewParserCtxt(path) : NULL;
    grammar = parser ? xmlRelaxNGParse(parser) : NULL;
    schema = grammar ? xmlRelaxNGNewValidCtxt(grammar) : NULL;
    xmlRelaxNGFreeParserCtxt(parser);
    claim(schema != NULL, "SCHEMA names no schema");
    w = wirt_open();
}

static void check_accepted(const struct wirt_config *c, const char *text, size_t bytes)
{
    struct wirt_config *again = NULL;
    char *first = NULL, *second = NULL;
    xmlDoc *doc = xmlReadMemory(text, (int)bytes, NULL, NULL, XML_PARSE_NONET | XML_PARSE_NOENT | XML_PARSE_IGNORE_ENC);

    claim(doc && xmlRelaxNGValidateDoc(schema, doc) == 0, "accepted, but not valid by the schema");
    xmlFreeDoc(doc);
    claim(!wirt_config_write(w, c, 7, &first), "cannot be written");
    claim(!wirt_config_read(w, "again", first, strlen(first), &again), "what was written is refused");
    claim(!wirt_config_write(w, again, 7, &second) && !strcmp(first, second), "it does not come back equal");
    wirt_config_free(again);
    free(first);
    free(second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct wirt_config *c = NULL;
    struct wirt_disk disk;
    struct wirt_nic nic;
    const char *text = (const char *)data;
    int code;

    if (!schema)
        start();
    code = wirt_config_read(w, "x", text, size, &c);
    claim(code ? !c && code == WIRT_REFUSED : c != NULL, "neither accepted nor refused");
    if (code)
        claim(!strncmp(wirt_error(w)->object, "x:", 2) && wirt_error(w)->cause[0], "refused without a place");
    else
        check_accepted(c, text, size);
    wirt_config_free(c);
    if (!wirt_config_read_disk(w, "x", text, size, &disk))
        wirt_disk_clear(&disk);
    if (!wirt_config_read_nic(w, "x", text, size, &nic))
        wirt_nic_clear(&nic);
    return 0;
}
