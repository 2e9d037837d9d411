// SPDX-License-Identifier: MIT
/*
 * Memory. Nothing here can be rolled back half-way through a change, and everything acknowledged is in the log: so the
 * honest answer to an allocation that fails is to end and to be started again. Guests cannot get there: quotas bound
 * what each may hold.
 */
#include "mem.h"
#include "log.h"

#include <stdlib.h>
#include <string.h>

static void *checked(void *p)
{
    if (p)
        return p;
    log_line("out of memory: ending; the next start goes on from the log");
    abort();
}

void *mem_alloc(size_t size)
{
    return checked(calloc(1, size));
}

void *mem_grow(void *p, size_t size)
{
    return checked(realloc(p, size));
}

char *mem_string(const char *s)
{
    return checked(strdup(s));
}

void mem_free(void *p)
{
    free(p);
}
