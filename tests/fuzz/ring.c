// SPDX-License-Identifier: MIT
/*
 * Two hostile guests: the input is a script of what they do to their ring pages (bytes and indexes), between which the
 * daemon's own loop runs, all of it but main.c, the machine and the files. Afterwards no guest may have changed what is
 * dom0's, none may own more than its quota, and the counts must be the tree's.
 */
#include "conn.h"
#include "domain.h"
#include "host.h"
#include "log.h"
#include "loop.h"
#include "quota.h"
#include "request.h"
#include "store.h"
#include "watch.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct xenstore_domain_interface pages[3];
static bool is_dead[3];
static uint8_t incarnation;

bool host_open(char *why, size_t size)
{
    (void)why, (void)size;
    return true;
}
int host_fd(void)
{
    return -1;
}
int host_next(void)
{
    return -1;
}
int host_alarm(void)
{
    return 1;
}
struct xenstore_domain_interface *host_map_own(uint32_t *port)
{
    *port = 1;
    return &pages[0];
}
struct xenstore_domain_interface *host_map(uint32_t domid, uint64_t mfn)
{
    (void)mfn;
    return &pages[domid];
}
void host_unmap(struct xenstore_domain_interface *page)
{
    (void)page;
}
int host_bind(uint32_t domid, uint32_t port)
{
    (void)port;
    return (int)domid + 16;
}
void host_unbind(int port)
{
    (void)port;
}
void host_notify(int port)
{
    (void)port;
}
void loop_poll(int fd, void *conn, uint32_t events)
{
    (void)fd, (void)conn, (void)events;
}
long host_domains(uint32_t first, struct host_domain *out, size_t max)
{
    long n = 0;

    for (uint32_t id = first; id < 3 && n < (long)max; id++)
        if (!is_dead[id])
            out[n++] = (struct host_domain){.domid = id, .handle = {(uint8_t)id, incarnation}};
    return n;
}

static void pass(void)
{
    struct conn *c, *next;

    for (c = conn_take_ready(); c; c = next) {
        next = c->ready_next;
        c->is_ready = false;
        if (c->is_dead)
            conn_destroy(c);
        else
            conn_step(c);
    }
    for (c = conn_take_dirty(); c; c = next) {
        next = c->dirty_next;
        c->is_dirty = false;
        if (c->is_dead)
            conn_destroy(c);
        else
            conn_flush(c);
    }
}

static void request(struct conn *c, uint32_t type, const char *payload, size_t length)
{
    char message[WIRE_MAX];
    struct xsd_sockmsg h = {type, 1, 0, (uint32_t)length};

    memcpy(message, &h, sizeof(h));
    memcpy(message + sizeof(h), payload, length);
    request_handle(c, message);
    conn_clear(c);
}
#define REQUEST(c, type, text) request(c, type, text, sizeof(text) - 1)

/* Bytes into a ring, as a guest that knows how. */
static void put(struct xenstore_domain_interface *p, const uint8_t *data, size_t length)
{
    for (size_t i = 0; i < length; i++)
        p->req[MASK_XENSTORE_IDX(p->req_prod++)] = (char)data[i];
}

static const uint8_t *act(const uint8_t *at, const uint8_t *end, struct xenstore_domain_interface *p, uint32_t domid)
{
    uint8_t what = *at++;
    size_t length;

    switch (what % 8) {
    case 0: /* a whole message: type, transaction, payload of so many bytes */
    case 1:
    case 2:
        if (end - at < 3)
            return end;
        length = at[2] < end - at - 3 ? at[2] : (size_t)(end - at - 3);
        {
            struct xsd_sockmsg h = {at[0] % 26, 7, at[1] % 8, (uint32_t)length};

            put(p, (uint8_t *)&h, sizeof(h));
            put(p, at + 3, length);
        }
        at += 3 + length;
        break;
    case 3: /* raw bytes */
        length = what / 8 < end - at ? what / 8u : (size_t)(end - at);
        put(p, at, length);
        at += length;
        break;
    case 4:
        p->rsp_cons = p->rsp_prod; /* reads all */
        break;
    case 5: /* any word of the page */
        if (end - at < 5)
            return end;
        memcpy((char *)p + 2048 + at[0] % 7 * 4, at + 1, 4);
        at += 5;
        break;
    case 6:
        p->connection = XENSTORE_RECONNECT;
        break;
    case 7:
        if (what & 8) {
            incarnation++;
            domain_scan();
        } else
            p->req_prod = p->req_cons;
        break;
    }
    domain_event((int)domid + 16);
    return at;
}

static void count_owned(struct node *n, void *arg)
{
    uint32_t *owned = arg;

    if (perm_is_live(n->perms, n->perms->entry[0].domid)) /* those of the dead count for nobody */
        owned[perm_owner(n->perms)]++;
}

static void judge(void)
{
    uint32_t owned[4] = {0};
    struct node *n = tree_find(store_root, "/dom0/secret");

    assert(n && n->value && n->value->len == 6 && !memcmp(n->value->data, "secret", 6));
    assert(!tree_child_count(n) && tree_child_count(store_root) == 3);
    tree_walk(store_root, count_owned, owned);
    for (uint32_t id = 0; id < 4; id++)
        assert(owned[id] == quota_nodes(id));
    assert(owned[1] <= quota_table[QUOTA_NODES].limit && owned[2] <= quota_table[QUOTA_NODES].limit);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct conn *dom0;
    const uint8_t *at = data, *end = data + size;
    uint32_t domid = 1;

    if (!dom0) {
        log_open("/dev/null", true);
        store_init();
        store_populate();
        domain_connect();
        dom0 = conn_create(0, -1, domain_find(0));
        dom0->domain = NULL;
        quota_table[QUOTA_NODES].limit = 40;
        quota_table[QUOTA_WATCHES].limit = 8;
        quota_table[QUOTA_EVENT_BYTES].limit = 400;
        quota_table[QUOTA_TXN_NODES].limit = 30;
        REQUEST(dom0, XS_WRITE, "/dom0/secret\0secret");
    }
    memset(pages, 0, sizeof(pages));
    for (uint32_t id = 1; id < 3; id++) {
        is_dead[id] = false;
        domain_introduce(id, 1, 1);
    }
    REQUEST(dom0, XS_MKDIR, "/local/domain/1\0");
    REQUEST(dom0, XS_MKDIR, "/local/domain/2\0");
    REQUEST(dom0, XS_SET_PERMS, "/local/domain/1\0n1\0r2\0");
    REQUEST(dom0, XS_SET_PERMS, "/local/domain/2\0n2\0b1\0");
    while (at < end) {
        at = act(at, end, &pages[domid], domid);
        pass();
        if (at < end && *at & 0x80)
            domid ^= 3;
    }
    for (int i = 0; i < 20; i++) {
        pages[1].rsp_cons = pages[1].rsp_prod;
        pages[2].rsp_cons = pages[2].rsp_prod;
        domain_event(17);
        domain_event(18);
        pass();
    }
    judge();
    is_dead[1] = is_dead[2] = true;
    domain_scan();
    pass();
    pass();
    REQUEST(dom0, XS_RM, "/local/domain/1\0");
    REQUEST(dom0, XS_RM, "/local/domain/2\0");
    assert(watch_count() == 0 && !domain_find(1) && !domain_find(2));
    judge();
    return 0;
}
