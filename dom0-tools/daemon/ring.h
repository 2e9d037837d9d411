/* SPDX-License-Identifier: MIT */
/*
 * The page that a guest's console and we share. The guest may write anything into it at any moment, so our own indexes
 * are kept here and the page is only told of them; what the page says is looked at once and checked.
 */
#ifndef WIRTD_RING_H
#define WIRTD_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <xen/xen.h>
#include <xen/io/console.h>

#define RING_OUT sizeof(((struct xencons_interface *)0)->out)
#define RING_IN  sizeof(((struct xencons_interface *)0)->in)

struct ring {
    struct xencons_interface *page;
    uint32_t out_cons, in_prod; /* ours */
    uint64_t rubbish_count;     /* how often the guest's index could not be */
};

/* Takes over a page as it stands. kept_cons: how far a predecessor says that it took the output, if it can be true. */
void ring_start(struct ring *ring, struct xencons_interface *page, const uint32_t *kept_cons);
/* Copies what the guest has printed, at most RING_OUT bytes; the page is not told yet. */
size_t ring_take(struct ring *ring, char out[RING_OUT]);
/* Tells the guest that `count` bytes of the last ring_take are taken. */
void ring_taken(struct ring *ring, size_t count);
/* Gives the guest input; how many bytes fitted. */
size_t ring_put(struct ring *ring, const char *bytes, size_t count);

#endif
