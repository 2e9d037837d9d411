/* SPDX-License-Identifier: MIT */
/* One side of a xenstore ring page: the daemon's. The other side is a guest and may write anything at any time. */
#ifndef RING_H
#define RING_H

#include "wire.h"

struct ring {
    struct xenstore_domain_interface *page; /* NULL: not mapped */
    uint32_t req_cons;                      /* requests are copied out up to here, */
    uint32_t req_done;                      /* and given back to the guest up to here */
    uint32_t rsp_prod;                      /* replies are put up to here */
};

void ring_attach(struct ring *r, struct xenstore_domain_interface *page); /* goes on where the page says */
/* Bytes copied, each once; -1: the guest's indexes are impossible. */
long ring_take(struct ring *r, void *out, size_t max);
long ring_put(struct ring *r, const void *data, size_t length);
bool ring_has_room(const struct ring *r); /* for another byte of a reply */
/* Lets the guest see both indexes. True if there is news for it. What it did before it saw them it may not ring for:
 * look at the ring again afterwards. */
bool ring_publish(struct ring *r);
void ring_error(struct ring *r, uint32_t error);
bool ring_wants_reset(const struct ring *r);
void ring_reset(struct ring *r); /* indexes to 0, connected, no error */

#endif
