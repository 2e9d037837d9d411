/* SPDX-License-Identifier: MIT */
/*
 * The console page. Indexes run freely and are taken modulo the size; more bytes between them than the ring has
 * room for is rubbish: then the ring is taken up again where the guest says that it stands, and the caller can name the
 * guest. Nothing a guest writes leads outside of the page.
 */
#include <string.h>

#include "ring.h"

static uint32_t load(const uint32_t *at)
{
    return __atomic_load_n(at, __ATOMIC_ACQUIRE);
}

static void store(uint32_t *at, uint32_t value)
{
    __atomic_store_n(at, value, __ATOMIC_RELEASE);
}

void ring_start(struct ring *ring, struct xencons_interface *page, const uint32_t *kept_cons)
{
    uint32_t prod = load(&page->out_prod), cons = load(&page->out_cons);

    *ring = (struct ring){.page = page, .out_cons = cons, .in_prod = load(&page->in_prod)};
    /* Killed between keeping the bytes and telling the guest: our own record is ahead of the page. */
    if (kept_cons && *kept_cons - cons <= RING_OUT && prod - *kept_cons <= RING_OUT)
        ring->out_cons = *kept_cons;
}

/* Bytes between two indexes; rubbish: counts it, and what the page says of our index is taken if it can be true. */
static uint32_t used(struct ring *ring, uint32_t prod, uint32_t *cons, const uint32_t *page_cons)
{
    if (prod - *cons <= RING_OUT)
        return prod - *cons;
    ring->rubbish_count++;
    *cons = load(page_cons);
    if (prod - *cons > RING_OUT)
        *cons = prod;
    return prod - *cons;
}

size_t ring_take(struct ring *ring, char out[RING_OUT])
{
    uint32_t count = used(ring, load(&ring->page->out_prod), &ring->out_cons, &ring->page->out_cons);
    uint32_t at = ring->out_cons % RING_OUT, part = count < RING_OUT - at ? count : (uint32_t)RING_OUT - at;

    memcpy(out, ring->page->out + at, part);
    memcpy(out + part, ring->page->out, count - part);
    return count;
}

void ring_taken(struct ring *ring, size_t count)
{
    ring->out_cons += (uint32_t)count;
    store(&ring->page->out_cons, ring->out_cons); /* behind the copy: pairs with the guest's look at out_cons */
}

size_t ring_put(struct ring *ring, const char *bytes, size_t count)
{
    uint32_t cons = load(&ring->page->in_cons), held = ring->in_prod - cons, at;
    size_t part;

    if (held > RING_IN) {
        ring->rubbish_count++;
        ring->in_prod = cons;
        held = 0;
    }
    if (count > RING_IN - held)
        count = RING_IN - held;
    at = ring->in_prod % RING_IN;
    part = count < RING_IN - at ? count : RING_IN - at;
    memcpy(ring->page->in + at, bytes, part);
    memcpy(ring->page->in, bytes + part, count - part);
    ring->in_prod += (uint32_t)count;
    store(&ring->page->in_prod, ring->in_prod); /* behind the bytes: pairs with the guest's look at in_prod */
    return count;
}
