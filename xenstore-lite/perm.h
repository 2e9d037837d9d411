/* SPDX-License-Identifier: MIT */
/* Permissions of a node: an immutable, shared list; the first entry is the owner and, for all others, the default. */
#ifndef PERM_H
#define PERM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PERM_READ  1u
#define PERM_WRITE 2u
#define PERM_OWNER 4u /* only as an answer of perm_of: may change permissions */
#define PERM_ALL   7u

#define PERM_DOMIDS    0x7ff0u /* real domain ids are below */
#define PERM_NO_TARGET 0xffffu

struct perm {
    uint16_t domid, mask;
};
struct perms {
    uint32_t refs, count;
    uint64_t gen; /* when they were set */
    struct perm entry[];
};
/* On whose behalf: a domain, and the one whose rights it has as well (XS_SET_TARGET). */
struct who {
    uint32_t domid, target;
};

struct perms *perm_create(const struct perm *entry, size_t count, uint64_t gen); /* one reference */
struct perms *perm_get(struct perms *p);
void perm_put(struct perms *p);
/* What who may do to a node with these. dom0 may do all. */
unsigned perm_of(const struct perms *p, struct who who);
/* Those of a new node below a node with p, made by who. One reference. */
struct perms *perm_inherit(struct perms *p, struct who who, uint64_t gen);
/* "n0" or "b5" strings, each with its NUL. decode: EINVAL, or the count through *count (at most max are stored). */
int perm_decode(const char *text, size_t length, struct perm *entry, size_t max, size_t *count);
size_t perm_encode(const struct perms *p, char *out, size_t size);
uint32_t perm_owner(const struct perms *p); /* 0 once the owner has died */

/* A domain is dead: what was granted to its id until now is void, for whoever gets the id next. */
void perm_forget(uint32_t domid, uint64_t gen);
uint32_t perm_next_mentioned(uint32_t domid); /* since then; this or the next id, PERM_DOMIDS after the last */
bool perm_is_live(const struct perms *p, uint32_t domid);

#endif
