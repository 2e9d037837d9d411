// SPDX-License-Identifier: MIT
/*
 * The ring. Our own indexes live here, never in the page: what the guest writes over them changes nothing. Its two
 * indexes are read once for each use and checked; a byte is copied out once and looked at only in the copy. A stored
 * index is released after the bytes it covers; the guest's is acquired before they are read.
 */
#include "ring.h"

#include <string.h>

#define SIZE XENSTORE_RING_SIZE

static uint32_t load(const uint32_t *field)
{
    return __atomic_load_n(field, __ATOMIC_ACQUIRE);
}

static void store(uint32_t *field, uint32_t value)
{
    __atomic_store_n(field, value, __ATOMIC_RELEASE);
}

void ring_attach(struct ring *r, struct xenstore_domain_interface *page)
{
    r->page = page;
    r->req_cons = r->req_done = load(&page->req_cons);
    r->rsp_prod = load(&page->rsp_prod);
    store(&page->server_features, XENSTORE_SERVER_FEATURE_RECONNECTION | XENSTORE_SERVER_FEATURE_ERROR);
}

long ring_take(struct ring *r, void *out, size_t max)
{
    uint32_t ready = load(&r->page->req_prod) - r->req_cons;
    uint32_t at = MASK_XENSTORE_IDX(r->req_cons), first = SIZE - at;

    /* What was copied but not given back still takes up room. */
    if (ready + (r->req_cons - r->req_done) > SIZE || ready > SIZE)
        return -1;
    if (ready > max)
        ready = (uint32_t)max;
    if (first > ready)
        first = ready;
    memcpy(out, r->page->req + at, first);
    memcpy((char *)out + first, r->page->req, ready - first);
    r->req_cons += ready;
    return (long)ready;
}

long ring_put(struct ring *r, const void *data, size_t length)
{
    uint32_t used = r->rsp_prod - load(&r->page->rsp_cons), room = SIZE - used;
    uint32_t at = MASK_XENSTORE_IDX(r->rsp_prod), first = SIZE - at;

    if (used > SIZE)
        return -1;
    if (room > length)
        room = (uint32_t)length;
    if (first > room)
        first = room;
    memcpy(r->page->rsp + at, data, first);
    memcpy(r->page->rsp, (const char *)data + first, room - first);
    r->rsp_prod += room;
    return (long)room;
}

bool ring_has_room(const struct ring *r)
{
    return r->rsp_prod - load(&r->page->rsp_cons) < SIZE;
}

bool ring_publish(struct ring *r)
{
    bool is_news = r->page->rsp_prod != r->rsp_prod || r->page->req_cons != r->req_done;

    store(&r->page->rsp_prod, r->rsp_prod);
    store(&r->page->req_cons, r->req_done);
    /* Pairs with the guest's barrier between its index and its look at ours: it rings only if it found the ring empty
     * (or full, when reading), so whoever looks last must see the other. */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return is_news;
}

void ring_error(struct ring *r, uint32_t error)
{
    store(&r->page->error, error);
}

bool ring_wants_reset(const struct ring *r)
{
    return load(&r->page->connection) == XENSTORE_RECONNECT;
}

void ring_reset(struct ring *r)
{
    r->req_cons = r->req_done = r->rsp_prod = 0;
    store(&r->page->req_cons, 0);
    store(&r->page->req_prod, 0);
    store(&r->page->rsp_cons, 0);
    store(&r->page->rsp_prod, 0);
    store(&r->page->error, XENSTORE_ERROR_NONE);
    store(&r->page->connection, XENSTORE_CONNECTED);
}
