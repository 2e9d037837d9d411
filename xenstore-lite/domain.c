// SPDX-License-Identifier: MIT
/*
 * Domains. An introduced domain has a page, a port and a connection. That it has shut down or died is asked of the
 * hypervisor when the alarm port rings, for all domains at once; who dies loses its watches, transactions, permissions
 * and node count before @releaseDomain is told.
 * After a restart the log says how far each ring was consumed and what was queued for it; the page says how much of
 * that had already been put there. The difference is sent, so that no byte is lost and none comes twice.
 */
#include "domain.h"
#include "host.h"
#include "log.h"
#include "mem.h"
#include "quota.h"
#include "state.h"
#include "tree.h"
#include "watch.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct domain *domain_all;
static struct domain *by_id[PERM_DOMIDS];
static struct domain **by_port;
static int port_count;
static bool has_host;

struct domain *domain_find(uint32_t domid)
{
    return domid < PERM_DOMIDS ? by_id[domid] : NULL;
}

bool domain_has_host(void)
{
    return has_host;
}

static struct domain *create(uint32_t domid)
{
    struct domain *d = mem_alloc(sizeof(*d));

    d->domid = domid;
    d->port = -1;
    d->conn = conn_create(domid, -1, d);
    d->next = domain_all;
    d->link = &domain_all;
    if (d->next)
        d->next->link = &d->next;
    domain_all = d;
    by_id[domid] = d;
    return d;
}

static void set_port(struct domain *d, int port)
{
    if (d->port >= 0) {
        by_port[d->port] = NULL;
        host_unbind(d->port);
    }
    d->port = port;
    if (port >= port_count) {
        by_port = mem_grow(by_port, (size_t)(port + 64) * sizeof(struct domain *));
        memset(by_port + port_count, 0, (size_t)(port + 64 - port_count) * sizeof(struct domain *));
        port_count = port + 64;
    }
    if (port >= 0)
        by_port[port] = d;
}

static void log_domain_entry(const struct domain *d)
{
    char x[20];

    memcpy(x, &d->remote_port, 4);
    memcpy(x + 4, d->handle, 16);
    state_put(&(struct state_entry){STATE_DOMAIN, d->domid, d->mfn, x, NULL, sizeof(x), 0});
}

static void log_ring(const struct domain *d)
{
    state_put(&(struct state_entry){STATE_RING, d->domid, d->ring.rsp_prod});
    state_put(&(struct state_entry){STATE_IN, d->domid, d->ring.req_done});
}

static void set_broken(struct domain *d, bool is)
{
    d->is_broken = is;
    state_put(&(struct state_entry){STATE_BROKEN, d->domid, is});
}

/* As if it had just been introduced: the guest finds an empty ring. */
static void reconnect(struct domain *d)
{
    conn_reset(d->conn);
    conn_clear(d->conn);
    set_broken(d, false);
    d->needs_reset = true;
    d->ring.req_cons = d->ring.req_done = d->ring.rsp_prod = 0;
    log_ring(d);
    conn_dirty(d->conn);
}

static int connect_port(struct domain *d, uint32_t remote_port)
{
    int port;

    if (d->port >= 0)
        set_port(d, -1);
    port = host_bind(d->domid, remote_port);
    if (port < 0) {
        int error = errno;

        log_line("domain %u: its xenstore event channel %u cannot be bound: %s", d->domid, remote_port,
                 strerror(error));
        return error;
    }
    set_port(d, port);
    d->remote_port = remote_port;
    return 0;
}

static int introduce_again(struct domain *d, uint64_t mfn, uint32_t remote_port)
{
    int error;

    if (mfn != d->mfn) {
        struct xenstore_domain_interface *page = host_map(d->domid, mfn);

        if (!page)
            return errno;
        host_unmap(d->ring.page);
        d->ring.page = page;
        d->mfn = mfn;
    }
    error = connect_port(d, remote_port);
    if (error)
        return error;
    d->is_shutdown = false;
    log_domain_entry(d);
    reconnect(d);
    return 0;
}

int domain_introduce(uint32_t domid, uint64_t mfn, uint32_t remote_port)
{
    struct domain *d = domain_find(domid);
    struct xenstore_domain_interface *page;
    struct host_domain info;
    int error;

    if (!has_host)
        return ENOSYS;
    if (host_domains(domid, &info, 1) != 1 || info.domid != domid || info.is_dying) {
        log_line("domain %u: cannot be introduced: the hypervisor has no such domain", domid);
        return ENOENT;
    }
    if (d)
        return introduce_again(d, mfn, remote_port);
    page = host_map(domid, mfn);
    if (!page) {
        error = errno;
        log_line("domain %u: its xenstore page (grant 1, frame %#llx) cannot be mapped: %s", domid,
                 (unsigned long long)mfn, strerror(error));
        return error;
    }
    d = create(domid);
    error = connect_port(d, remote_port);
    if (error) {
        host_unmap(page);
        domain_release(d, false);
        return error;
    }
    d->mfn = mfn;
    memcpy(d->handle, info.handle, sizeof(d->handle));
    ring_attach(&d->ring, page);
    log_domain_entry(d);
    log_ring(d);
    if (info.is_shutdown)
        domain_set_shutdown(d, true);
    conn_ready(d->conn);
    conn_dirty(d->conn);
    return 0;
}

void domain_release(struct domain *d, bool is_dead)
{
    uint32_t domid = d->domid;

    if (d->port >= 0)
        set_port(d, -1);
    if (d->ring.page)
        host_unmap(d->ring.page);
    d->ring.page = NULL;
    conn_destroy(d->conn);
    *d->link = d->next;
    if (d->next)
        d->next->link = d->link;
    by_id[domid] = NULL;
    mem_free(d);
    state_put(&(struct state_entry){STATE_RELEASE, domid});
    for (d = domain_all; d; d = d->next) /* nobody keeps rights over whoever gets this id next */
        if (d->conn->who.target == domid)
            domain_set_target(d, PERM_NO_TARGET);
    if (is_dead) {
        perm_forget(domid, tree_tick());
        quota_nodes_forget(domid);
        state_put(&(struct state_entry){STATE_DEATH, domid});
    }
}

void domain_set_target(struct domain *d, uint32_t target)
{
    d->conn->who.target = target;
    state_put(&(struct state_entry){STATE_TARGET, d->domid, target});
}

void domain_set_shutdown(struct domain *d, bool is)
{
    d->is_shutdown = is;
    state_put(&(struct state_entry){STATE_SHUTDOWN, d->domid, is});
}

void domain_event(int port)
{
    struct domain *d = port < port_count ? by_port[port] : NULL;

    if (!d || !d->ring.page)
        return;
    if (ring_wants_reset(&d->ring)) {
        log_domain(d->domid, LOG_RECONNECT, "reconnects");
        reconnect(d);
    }
    conn_ready(d->conn);
    if (d->conn->out)
        conn_dirty(d->conn);
}

void domain_break(struct domain *d, uint32_t error, const char *format, ...)
{
    char why[200];
    va_list args;

    va_start(args, format);
    vsnprintf(why, sizeof(why), format, args);
    va_end(args);
    log_domain(d->domid, LOG_PROTOCOL, "%s: its ring is no longer served until it reconnects or is introduced again",
               why);
    conn_reset(d->conn);
    conn_clear(d->conn);
    set_broken(d, true);
    ring_error(&d->ring, error);
    host_notify(d->port);
}

long domain_take(struct domain *d, void *to, size_t want)
{
    long n;

    if (!domain_is_served(d))
        return 0;
    n = ring_take(&d->ring, to, want);
    if (n < 0)
        domain_break(d, XENSTORE_ERROR_RINGIDX, "impossible indexes in the requests' ring");
    return n;
}

void domain_keep_partial(struct domain *d)
{
    struct conn *c = d->conn;

    if (!c->in_len || d->ring.req_cons == d->ring.req_done)
        return;
    d->ring.req_done = d->ring.req_cons;
    state_put(&(struct state_entry){STATE_IN, d->domid, d->ring.req_done, c->in, NULL, c->in_len, 0});
    conn_dirty(c);
    conn_ready(c);
}

/* Before its ring is taken up again, events of a start count as what the log has. */
void domain_owes(struct domain *d, const void *data, size_t length, bool is_event)
{
    if (!d->ring.page)
        d->replay_end += (uint32_t)length;
    state_put(&(struct state_entry){STATE_OUT, d->domid, is_event, data, NULL, length, 0});
}

void domain_consumed(struct domain *d)
{
    d->ring.req_done = d->ring.req_cons;
    state_put(&(struct state_entry){STATE_IN, d->domid, d->ring.req_done});
    conn_dirty(d->conn);
}

bool domain_is_served(const struct domain *d)
{
    return d->ring.page && !d->is_broken && !d->needs_reset;
}

void domain_begin_anew(struct domain *d)
{
    if (!d->needs_reset || !d->ring.page || d->is_broken)
        return;
    ring_reset(&d->ring);
    host_notify(d->port);
    d->needs_reset = false;
}

void domain_publish(struct domain *d)
{
    if (ring_publish(&d->ring))
        host_notify(d->port);
}

/* What the hypervisor says of a domain, against what we know. */
static bool notice(struct domain *d, const struct host_domain *info)
{
    uint32_t domid = d->domid;

    if (info->is_dying || memcmp(d->handle, info->handle, sizeof(d->handle))) {
        domain_release(d, true);
        log_line("domain %u: gone", domid);
        return true;
    }
    if (!info->is_shutdown || d->is_shutdown)
        return false;
    domain_set_shutdown(d, true);
    return true;
}

void domain_scan(void)
{
    static uint8_t alive[PERM_DOMIDS];
    struct host_domain info[256];
    uint32_t first = 0;
    long n;

    memset(alive, 0, sizeof(alive));
    do {
        n = host_domains(first, info, 256);
        if (n < 0) {
            log_line(
                "the hypervisor does not say which domains there are: %s; their ends are not noticed until it does",
                strerror(errno));
            return;
        }
        for (long i = 0; i < n; i++) {
            struct domain *d = domain_find(info[i].domid);

            first = info[i].domid + 1;
            if (info[i].domid >= PERM_DOMIDS)
                continue;
            alive[info[i].domid] = !info[i].is_dying;
            if (d && d->domid && notice(d, &info[i]))
                watch_fire_special(WATCH_RELEASE, info[i].domid);
        }
    } while (n == 256);
    for (struct domain *d = domain_all, *next; d; d = next) {
        uint32_t id = d->domid;

        next = d->next;
        if (!id || alive[id])
            continue;
        notice(d, &(struct host_domain){.domid = id, .is_dying = true});
        watch_fire_special(WATCH_RELEASE, id);
    }
    /* Never introduced, or released before it died. */
    for (uint32_t id = perm_next_mentioned(1); id < PERM_DOMIDS; id = perm_next_mentioned(id + 1))
        if (!alive[id]) {
            perm_forget(id, tree_tick());
            quota_nodes_forget(id);
            state_put(&(struct state_entry){STATE_DEATH, id});
        }
}

struct domain *domain_restore(uint32_t domid, uint64_t mfn, uint32_t remote_port, const uint8_t handle[16])
{
    struct domain *d = domain_find(domid);

    if (!d)
        d = create(domid);
    d->mfn = mfn;
    d->remote_port = remote_port;
    d->is_shutdown = false;
    memcpy(d->handle, handle, sizeof(d->handle));
    return d;
}

/* Takes up a ring where the log and the page leave it. */
static void resume(struct domain *d, struct xenstore_domain_interface *page)
{
    uint32_t done = d->ring.req_done;
    size_t waiting = conn_waiting(d->conn), pending;

    ring_attach(&d->ring, page);
    d->ring.req_cons = d->ring.req_done = done;
    pending = (uint32_t)(d->replay_end - d->ring.rsp_prod);
    conn_ready(d->conn);
    conn_dirty(d->conn);
    /* The log begins this ring anew, the page does not yet: the daemon died between the two. */
    if (ring_wants_reset(&d->ring) || (!done && !d->replay_end && !waiting && d->ring.rsp_prod))
        reconnect(d);
    else if (d->is_broken)
        ring_error(&d->ring, XENSTORE_ERROR_COMM);
    else if (pending > waiting)
        domain_break(d, XENSTORE_ERROR_RINGIDX,
                     "its replies' index %u is not where the log left it (%u, %zu bytes wait)", d->ring.rsp_prod,
                     d->replay_end, waiting);
    else
        conn_skip(d->conn, waiting - pending);
}

static void connect_own(void)
{
    struct domain *d = domain_find(0);
    uint32_t remote_port;
    struct xenstore_domain_interface *page = host_map_own(&remote_port);
    bool is_known = d;

    if (!page) {
        log_line("dom0's kernel is not served: its xenstore page cannot be mapped: %s (is /dev/xen/xenbus_backend or "
                 "/proc/xen there?)",
                 strerror(errno));
        return;
    }
    if (!d)
        d = create(0);
    if (connect_port(d, remote_port)) {
        domain_release(d, false);
        return;
    }
    if (is_known)
        resume(d, page);
    else {
        ring_attach(&d->ring, page);
        log_domain_entry(d);
        log_ring(d);
        conn_ready(d->conn);
    }
    host_notify(d->port);
}

void domain_connect(void)
{
    char why[200];

    has_host = host_open(why, sizeof(why));
    if (!has_host) {
        log_line("no domains are served, sockets only: %s", why);
        return;
    }
    domain_scan();
    for (struct domain *d = domain_all, *next; d; d = next) {
        struct xenstore_domain_interface *page;

        next = d->next;
        if (!d->domid)
            continue;
        page = host_map(d->domid, d->mfn);
        if (!page) {
            log_line("domain %u: its xenstore page cannot be mapped again: %s; it is not served until it is introduced "
                     "again",
                     d->domid, strerror(errno));
            continue;
        }
        if (connect_port(d, d->remote_port)) {
            host_unmap(page);
            continue;
        }
        resume(d, page);
        host_notify(d->port);
    }
    connect_own();
}
