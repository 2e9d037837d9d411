/* SPDX-License-Identifier: MIT */
/*
 * Who is joined with whom: the ends of event channels, asked port by port until as many were found as the domain has in
 * use (or, where that is not known, until there are no further ports), and the grants that domains map, which Wirt
 * hands out by the piece. A domain that goes meanwhile has none.
 */
#include "sample.h"

#include <errno.h>
#include <string.h>
#include <xen/event_channel.h>

#include "hyper.h"
#include "public/wirt.h"

#define PORTS_MOST 4096

static int no_room(struct wirt *w)
{
    return wirt_fail(w, WIRT_NO_ROOM, "dom0", "look at channels and grants", "", "it is out of memory");
}

static void fill(struct sample_channel *c, const struct evtchn_status *e)
{
    c->domain = e->dom;
    c->port = e->port;
    c->kind = e->status;
    c->vcpu = e->vcpu;
    if (e->status == EVTCHNSTAT_unbound) {
        c->peer = e->u.unbound.dom;
    } else if (e->status == EVTCHNSTAT_interdomain) {
        c->peer = e->u.interdomain.dom;
        c->peer_port = e->u.interdomain.port;
    } else if (e->status == EVTCHNSTAT_pirq) {
        c->peer = e->u.pirq;
    } else if (e->status == EVTCHNSTAT_virq) {
        c->peer = e->u.virq;
    }
}

int sample_channels(struct wirt *w, struct sample *s)
{
    for (size_t i = 0; i < s->domains; i++) {
        uint64_t left = s->has_statistics ? s->domain[i].ports : PORTS_MOST;

        for (uint32_t port = 1; left && port < PORTS_MOST; port++) {
            struct evtchn_status e = {.dom = (domid_t)s->domain[i].id, .port = port};
            struct sample_channel *c;

            if (hyper_event(w, EVTCHNOP_status, &e, sizeof(e)))
                break;
            if (e.status == EVTCHNSTAT_closed)
                continue;
            c = sample_grow(&s->channel, &s->channels, sizeof(*c));
            if (!c)
                return no_room(w);
            e.dom = (domid_t)s->domain[i].id;
            fill(c, &e);
            left--;
        }
    }
    s->has_channels = true;
    return 0;
}

/* A piece of what a domain maps; *next: where to go on, 0: that was all. */
static int take_piece(struct wirt *w, struct sample *s, uint64_t mapper, uint32_t *next)
{
    struct wirt_domctl_mappings l = {.room = HYPER_DATA_SIZE / sizeof(struct wirt_mapping), .next = *next};
    struct wirt_mapping *from = hyper_data(w);
    struct xen_domctl op = {0};
    int rc;

    l.list = (uintptr_t)from;
    memcpy(&op.u, &l, sizeof(l));
    rc = hyper_domctl(w, WIRT_DOMCTL_mappings, (uint32_t)mapper, &op);
    memcpy(&l, &op.u, sizeof(l));
    *next = rc ? 0 : l.next;
    if (rc == -ENOSYS)
        return WIRT_NO_HOST;
    for (uint32_t i = 0; !rc && i < l.room; i++) {
        struct sample_mapping *m = sample_grow(&s->mapping, &s->mappings, sizeof(*m));
        if (!m)
            return no_room(w);
        *m = (struct sample_mapping){mapper, from[i].granter, from[i].ref, from[i].frame, from[i].flags};
    }
    return 0;
}

int sample_mappings(struct wirt *w, struct sample *s)
{
    for (size_t i = 0; i < s->domains; i++) {
        uint32_t next = 0;

        do {
            int code = take_piece(w, s, s->domain[i].id, &next);
            if (code)
                return code == WIRT_NO_HOST ? 0 : code;
        } while (next);
    }
    s->has_mappings = true;
    return 0;
}
