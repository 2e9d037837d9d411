/* SPDX-License-Identifier: MIT */
/* Channels and mappings as rows: numbers get the names that a person knows. */
#include "model.h"

#include <math.h>
#include <string.h>
#include <xen/event_channel.h>

#include "public/wirt.h"

static void name_of(const struct sample *s, uint64_t id, char *name, size_t size)
{
    const struct sample_domain *d = sample_find(s, id);

    snprintf(name, size, "%s", d ? d->name : "(gone)");
}

void ends_channel(const struct sample *s, struct top_channel *row, const struct sample_channel *c)
{
    static const char *const kinds[] = {"closed", "unbound", "channel", "pirq", "virq", "ipi"};
    static const char *const virqs[] = {"timer",   "debug", "console", "domain", "trace", NULL,        "debugger",
                                        "profile", "log",   "cpu",     "memory", "argo",  "no memory", "counters"};
    bool has_peer = c->kind == EVTCHNSTAT_interdomain || c->kind == EVTCHNSTAT_unbound;

    row->domain = (double)c->domain;
    row->port = (double)c->port;
    row->vcpu = (double)c->vcpu;
    row->peer = has_peer ? (double)c->peer : NAN;
    row->peer_port = c->kind == EVTCHNSTAT_interdomain ? (double)c->peer_port : NAN;
    name_of(s, c->domain, row->name, sizeof(row->name));
    if (has_peer)
        name_of(s, c->peer, row->peer_name, sizeof(row->peer_name));
    snprintf(row->kind, sizeof(row->kind), "%s", c->kind < 6 ? kinds[c->kind] : "?");
    if (c->kind == EVTCHNSTAT_virq && c->peer < sizeof(virqs) / sizeof(virqs[0]) && virqs[c->peer])
        snprintf(row->source, sizeof(row->source), "%s", virqs[c->peer]);
    else if (c->kind == EVTCHNSTAT_pirq || c->kind == EVTCHNSTAT_virq)
        snprintf(row->source, sizeof(row->source), "%u", (unsigned int)c->peer);
}

void ends_mapping(const struct sample *s, struct top_mapping *row, const struct sample_mapping *m)
{
    row->mapper = (double)m->mapper;
    row->granter = (double)m->granter;
    row->count = 1;
    row->ref = (double)m->ref;
    row->frame = (double)m->frame;
    name_of(s, m->mapper, row->name, sizeof(row->name));
    name_of(s, m->granter, row->granter_name, sizeof(row->granter_name));
    strcpy(row->access, m->flags & WIRT_MAPPING_readonly ? "read" : "write");
    strcpy(row->use, m->flags & WIRT_MAPPING_device ? "device" : "memory");
}
