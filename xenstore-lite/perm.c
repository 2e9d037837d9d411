// SPDX-License-Identifier: MIT
/*
 * Permissions. Lists are immutable and counted, so that thousands of nodes share one. When a domain dies nobody walks
 * the tree: the generation of its death is noted, and an entry for its id in an older list is void from then on; a
 * void owner is dom0. Default-deny: who is named nowhere gets the owner entry's mask, which is none unless the owner
 * said otherwise.
 */
#include "perm.h"
#include "mem.h"
#include "wire.h"

#include <string.h>

static uint64_t died[PERM_DOMIDS]; /* generation of the id's last death; pages that nobody needs are never touched */
static uint64_t mentioned[PERM_DOMIDS / 64 + 1]; /* a bit per id: in some list since */

struct perms *perm_create(const struct perm *entry, size_t count, uint64_t gen)
{
    struct perms *p = mem_alloc(sizeof(*p) + count * sizeof(p->entry[0]));

    p->refs = 1;
    p->count = (uint32_t)count;
    p->gen = gen;
    memcpy(p->entry, entry, count * sizeof(*entry));
    for (size_t i = 0; i < count; i++)
        mentioned[entry[i].domid / 64] |= 1ull << entry[i].domid % 64;
    return p;
}

struct perms *perm_get(struct perms *p)
{
    p->refs++;
    return p;
}

void perm_put(struct perms *p)
{
    if (p && !--p->refs)
        mem_free(p);
}

bool perm_is_live(const struct perms *p, uint32_t domid)
{
    return domid < PERM_DOMIDS && p->gen > died[domid];
}

void perm_forget(uint32_t domid, uint64_t gen)
{
    died[domid] = gen;
    mentioned[domid / 64] &= ~(1ull << domid % 64);
}

uint32_t perm_next_mentioned(uint32_t domid)
{
    for (uint32_t word = domid / 64; word <= PERM_DOMIDS / 64; word++, domid = word * 64) {
        uint64_t left = mentioned[word] >> domid % 64;

        if (left)
            return domid + (uint32_t)__builtin_ctzll(left);
    }
    return PERM_DOMIDS;
}

uint32_t perm_owner(const struct perms *p)
{
    uint32_t owner = p->entry[0].domid;

    return perm_is_live(p, owner) ? owner : 0;
}

static unsigned mask_for(const struct perms *p, uint32_t domid)
{
    if (domid == perm_owner(p))
        return PERM_ALL;
    for (uint32_t i = 1; i < p->count; i++)
        if (p->entry[i].domid == domid && perm_is_live(p, domid))
            return p->entry[i].mask;
    return p->entry[0].mask;
}

unsigned perm_of(const struct perms *p, struct who who)
{
    if (who.domid == 0)
        return PERM_ALL;
    if (who.target == PERM_NO_TARGET || who.target == 0)
        return mask_for(p, who.domid);
    return mask_for(p, who.domid) | mask_for(p, who.target);
}

/* An unprivileged maker owns what it makes. Void entries are not handed down. */
struct perms *perm_inherit(struct perms *p, struct who who, uint64_t gen)
{
    uint32_t owner = who.domid ? who.domid : perm_owner(p);
    struct perms *q;
    uint32_t kept = 1;
    bool is_same = owner == p->entry[0].domid;

    for (uint32_t i = 1; i < p->count; i++)
        is_same = is_same && perm_is_live(p, p->entry[i].domid);
    if (is_same && perm_is_live(p, owner))
        return perm_get(p);
    q = perm_create(p->entry, p->count, gen);
    q->entry[0].domid = (uint16_t)owner;
    for (uint32_t i = 1; i < p->count; i++)
        if (perm_is_live(p, p->entry[i].domid))
            q->entry[kept++] = p->entry[i];
    q->count = kept;
    return q;
}

static const char letters[] = "nrwb"; /* by mask */

int perm_decode(const char *text, size_t length, struct perm *entry, size_t max, size_t *count)
{
    *count = 0;
    while (length) {
        const char *end = memchr(text, 0, length), *letter;
        uint64_t domid;

        if (!end || !*text || !(letter = strchr(letters, *text)))
            return EINVAL;
        if (!wire_number(text + 1, PERM_DOMIDS - 1, &domid))
            return EINVAL;
        if (*count < max)
            entry[*count] = (struct perm){(uint16_t)domid, (uint16_t)(letter - letters)};
        ++*count;
        length -= (size_t)(end + 1 - text);
        text = end + 1;
    }
    return *count ? 0 : EINVAL;
}

size_t perm_encode(const struct perms *p, char *out, size_t size)
{
    size_t used = 0;

    for (uint32_t i = 0; i < p->count; i++) {
        uint32_t domid = i ? p->entry[i].domid : perm_owner(p);
        char number[WIRE_DECIMAL];
        size_t length;

        if (i && !perm_is_live(p, domid))
            continue;
        length = wire_decimal(domid, number);
        if (length + 2 > size - used)
            break;
        out[used++] = letters[p->entry[i].mask & 3];
        memcpy(out + used, number, length + 1);
        used += length + 1;
    }
    return used;
}
