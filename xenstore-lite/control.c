// SPDX-License-Identifier: MIT
/*
 * CONTROL. One table of commands; each answers with a text. Nothing here is needed for the daemon's work, so there is
 * little: see and set quotas, see what memory goes where, switch the trace of requests.
 */
#include "control.h"
#include "conn.h"
#include "domain.h"
#include "log.h"
#include "quota.h"
#include "state.h"
#include "store.h"
#include "watch.h"

#include <malloc.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct text {
    char *out;
    size_t size, used;
};

static void add(struct text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void add(struct text *t, const char *format, ...)
{
    va_list args;
    int n;

    va_start(args, format);
    n = vsnprintf(t->out + t->used, t->size - t->used, format, args);
    va_end(args);
    t->used += (size_t)n < t->size - t->used ? (size_t)n : t->size - t->used - 1;
}

static int do_help(const struct wire_request *r, struct text *t);

static int do_version(const struct wire_request *r, struct text *t)
{
    (void)r;
    add(t, "%s", CONTROL_VERSION);
    return 0;
}

static int do_log(const struct wire_request *r, struct text *t)
{
    if (r->arg_count == 1) {
        add(t, "%s", log_traces ? "on" : "off");
        return 0;
    }
    if (strcmp(r->arg[1], "on") && strcmp(r->arg[1], "off"))
        return EINVAL;
    log_traces = !strcmp(r->arg[1], "on");
    add(t, "OK");
    return 0;
}

static int do_print(const struct wire_request *r, struct text *t)
{
    if (r->arg_count != 2)
        return EINVAL;
    log_line("%s", r->arg[1]);
    add(t, "OK");
    return 0;
}

static int show_domain(uint64_t domid, struct text *t)
{
    const struct domain *d = domain_find((uint32_t)domid);

    add(t, "Domain %u\nnodes: %u\n", (unsigned)domid, quota_nodes((uint32_t)domid));
    if (d)
        add(t, "watches: %u\ntransactions: %u\nevents waiting: %u bytes\nwatches collapsed: %u\nserved: %s\n",
            d->conn->watch_count, d->conn->txn_count, d->conn->event_bytes, d->conn->collapsed_count,
            d->is_broken ? "no" : "yes");
    else
        add(t, "not introduced\n");
    return 0;
}

static int do_quota(const struct wire_request *r, struct text *t)
{
    enum quota_kind kind;
    uint64_t value;

    if (r->arg_count == 1) {
        for (unsigned i = 0; i < QUOTA_COUNT; i++)
            add(t, "%-18s %8u  %s\n", quota_table[i].name, quota_table[i].limit, quota_table[i].meaning);
        return 0;
    }
    if (r->arg_count == 2)
        return wire_number(r->arg[1], PERM_DOMIDS - 1, &value) ? show_domain(value, t) : EINVAL;
    if (r->arg_count != 4 || strcmp(r->arg[1], "set") || !quota_find(r->arg[2], &kind) ||
        !wire_number(r->arg[3], UINT32_MAX, &value))
        return EINVAL;
    quota_table[kind].limit = (uint32_t)value;
    state_put(&(struct state_entry){STATE_QUOTA, (uint32_t)value, 0, r->arg[2], NULL, strlen(r->arg[2]), 0});
    log_line("quota %s is now %u", r->arg[2], (unsigned)value);
    add(t, "OK");
    return 0;
}

static void count_node(struct node *n, void *arg)
{
    uint64_t *sum = arg;

    sum[0]++;
    sum[1] += sizeof(*n) + n->name_len + 1;
    sum[2] += n->value ? sizeof(*n->value) + n->value->len : 0;
}

static int do_memreport(const struct wire_request *r, struct text *t)
{
    struct mallinfo2 m = mallinfo2();
    uint64_t sum[3] = {0};
    unsigned conns = 0, domains = 0;

    (void)r;
    for (struct conn *c = conn_all; c; c = c->next)
        conns++;
    for (struct domain *d = domain_all; d; d = d->next)
        domains++;
    tree_walk(store_root, count_node, sum);
    add(t, "nodes: %llu, %llu bytes, their values: %llu bytes\n", (unsigned long long)sum[0],
        (unsigned long long)sum[1], (unsigned long long)sum[2]);
    add(t, "connections: %u, of them domains: %u; watches: %u\n", conns, domains, watch_count());
    add(t, "heap: %zu bytes used, %zu free, %zu mapped\n", m.uordblks, m.fordblks, m.hblkhd);
    state_report(t->out + t->used, t->size - t->used);
    t->used += strlen(t->out + t->used);
    return 0;
}

static void check_node(struct node *n, void *arg)
{
    uint32_t *owned = arg;

    if (perm_is_live(n->perms, n->perms->entry[0].domid))
        owned[perm_owner(n->perms)]++;
}

/* The counts of owned nodes against the tree. */
static int do_check(const struct wire_request *r, struct text *t)
{
    static uint32_t owned[PERM_DOMIDS];
    unsigned wrong = 0;

    (void)r;
    memset(owned, 0, sizeof(owned));
    tree_walk(store_root, check_node, owned);
    for (uint32_t id = 0; id < PERM_DOMIDS; id++)
        if (owned[id] != quota_nodes(id)) {
            log_line("check: domain %u owns %u nodes, counted are %u", id, owned[id], quota_nodes(id));
            wrong++;
        }
    add(t, wrong ? "%u domains' node counts are wrong: see the log" : "OK", wrong);
    return 0;
}

static const struct command {
    const char *name, *args;
    int (*fn)(const struct wire_request *r, struct text *t);
} commands[] = {
    {"check", "", do_check},       {"help", "", do_help},
    {"log", "[on|off]", do_log},   {"memreport", "", do_memreport},
    {"print", "<text>", do_print}, {"quota", "[<domid> | set <name> <limit>]", do_quota},
    {"version", "", do_version},
};
#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static int do_help(const struct wire_request *r, struct text *t)
{
    (void)r;
    for (size_t i = 0; i < COMMANDS; i++)
        add(t, "%s %s\n", commands[i].name, commands[i].args);
    return 0;
}

int control_handle(const struct wire_request *r, char *out, size_t size)
{
    struct text t = {out, size, 0};

    out[0] = 0;
    for (size_t i = 0; i < COMMANDS; i++)
        if (!strcmp(commands[i].name, r->arg[0]))
            return commands[i].fn(r, &t);
    return ENOSYS;
}
