/* SPDX-License-Identifier: MIT */
/*
 * Memory that is not there while a configuration is read. A text that could not be copied looks like one that is not
 * given, in libxml2 as well as here, so a default would stand in silently for what was written. Therefore each failed
 * allocation of the reader is counted, libxml2's among them, and what was read meanwhile is thrown away.
 */
#include <stdlib.h>
#include <string.h>

#include "config.h"

static __thread unsigned shortage;

static void *counted(void *p)
{
    shortage += p == NULL;
    return p;
}

static void *take(size_t size)
{
    return counted(malloc(size ? size : 1));
}

static void *take_more(void *p, size_t size)
{
    return counted(realloc(p, size ? size : 1));
}

static char *copy(const char *text)
{
    return counted(strdup(text));
}

char *config_copy(const char *text, size_t length)
{
    return counted(strndup(text, length));
}

void *config_many(size_t count, size_t size)
{
    return counted(calloc(count, size));
}

/* libxml2 would say of itself, on standard error, what is said here. */
static void say_nothing(void *arg, const char *format, ...)
{
    (void)arg;
    (void)format;
}

void config_memory_begin(struct reader *r)
{
    xmlSetGenericErrorFunc(NULL, say_nothing);
    /* As often as one likes: these are malloc and free with a count. */
    xmlMemSetup(free, take, take_more, copy);
    r->shortage = shortage;
}

int config_memory_end(struct reader *r)
{
    if (shortage != r->shortage)
        r->code = wirt_fail(r->w, WIRT_NO_ROOM, r->origin, "read the configuration", "", "memory ran out");
    return r->code;
}
