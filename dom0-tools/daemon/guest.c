/* SPDX-License-Identifier: MIT */
/*
 * The domains that there are, followed by xenstore's events about them and by the hypervisor's list: an event only says
 * that something changed, the list says what. Here consoles are taken up and let go, and each end of a domain is
 * noticed once, and change.c told of all of it. What a killed command left half done is looked for twice a minute, and
 * ended by libwirt's collector.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include "ask.h"
#include "event.h"
#include "hyper.h"
#include "internal.h"
#include "note.h"

#include <xen/version.h>

#define LOOK_MS    1000
#define ORPHANS_MS 30000
#define AGAIN_MS   1000
#define LIST_COUNT 256
#define DOMIDS     0x7ff0u /* the hypervisor's own numbers begin there */

struct guest {
    struct guest *next;
    uint32_t domid;
    char name[WIRT_NAME_MAX + 1]; /* empty: none yet */
    struct console *console;
    int64_t started_ms;
    bool is_listed, has_ended, is_dying, has_failed;
};
static struct guest *guests, *by_id[DOMIDS];
static struct watch watch;
static struct source watch_source;
static int64_t look_ms, connect_ms, orphans_ms;

static struct guest *find(uint32_t domid)
{
    return domid < DOMIDS ? by_id[domid] : NULL;
}

bool guest_is_there(const char *name)
{
    for (const struct guest *g = guests; g; g = g->next)
        if (!strcmp(g->name, name) && !g->has_ended && !g->is_dying)
            return true;
    return false;
}

const char *guest_name(uint32_t domid)
{
    const struct guest *g = find(domid);

    return g ? g->name : "";
}

static void watch_both(struct guest *g, bool is_on)
{
    char path[64], token[32];
    int (*set)(struct watch *, const char *, const char *) = is_on ? watch_add : watch_remove;

    snprintf(path, sizeof(path), "/local/domain/%u/console", g->domid);
    snprintf(token, sizeof(token), "c%u", g->domid);
    set(&watch, path, token);
    snprintf(path, sizeof(path), "/local/domain/%u/name", g->domid);
    token[0] = 'n';
    set(&watch, path, token);
}

/* A name that a file can have; a domain of another tool may have any, or one that another has already. */
static void choose_name(const struct guest *g, char name[WIRT_NAME_MAX + 1])
{
    struct console *c;

    snprintf(name, WIRT_NAME_MAX + 1, "%s", g->name);
    c = keep_name_is_valid(name) ? console_find(name) : NULL;
    if (!keep_name_is_valid(name) || (c && c->ring.page))
        snprintf(name, WIRT_NAME_MAX + 1, "domain-%u", g->domid);
}

static bool is_ours(uint32_t domid)
{
    char *config = store_text("/local/domain/%u/wirt/config", domid);

    free(config);
    return config != NULL;
}

/* Takes up the console if xenstore says where it is and it is one for us. */
static void try_console(struct guest *g)
{
    char name[WIRT_NAME_MAX + 1], *type;
    uint64_t mfn, port;
    bool is_another;

    if (g->console || g->is_dying || g->has_failed || !g->name[0])
        return;
    if (!store_number(&mfn, "/local/domain/%u/console/ring-ref", g->domid) ||
        !store_number(&port, "/local/domain/%u/console/port", g->domid))
        return;
    type = store_text("/local/domain/%u/console/type", g->domid);
    is_another = type ? strcmp(type, "xenconsoled") != 0 : !store_is_sure();
    free(type);
    if (is_another)
        return;
    choose_name(g, name);
    g->console = console_get(name);
    if (g->console && !console_start(g->console, g->domid, mfn, (uint32_t)port)) {
        g->console = NULL;
        g->has_failed = true;
    }
    /* Programs of other tools look for the terminal in xenstore and cannot ask for it. */
    if (g->console && !is_ours(g->domid))
        client_tty(g->console);
}

static void read_name(struct guest *g)
{
    char *name = store_text("/local/domain/%u/name", g->domid);

    if (name && strcmp(name, g->name)) {
        if (g->console && keep_name_is_valid(name) && !console_rename(g->console, name))
            log_warn("console of %s (%u): it cannot take the new name %s: %s", g->name, g->domid, name,
                     strerror(errno));
        snprintf(g->name, sizeof(g->name), "%s", name);
        change_named(g->domid, name);
    }
    free(name);
    try_console(g);
}

static int64_t read_start(uint32_t domid)
{
    char path[64];
    uint64_t started;

    if (store_number(&started, "/local/domain/%u/wirt/started", domid))
        return (int64_t)started;
    started = (uint64_t)now_ms();
    snprintf(path, sizeof(path), "/local/domain/%u/wirt/started", domid);
    if (is_ours(domid))
        store_set(path, "%" PRIu64, started);
    return (int64_t)started;
}

static struct guest *add(uint32_t domid)
{
    struct guest *g = domid < DOMIDS ? calloc(1, sizeof(*g)) : NULL;

    if (!g) {
        log_warn("domain %u: wirtd is out of memory and does not look after it", domid);
        return NULL;
    }
    g->domid = domid;
    g->next = guests;
    guests = by_id[domid] = g;
    watch_both(g, true);
    g->started_ms = read_start(domid);
    read_name(g);
    return g;
}

static void let_go(struct guest *g)
{
    struct console *c = g->console;

    /* Also that of a domain which was on its way out already when this daemon started. */
    for (c = c ? c : consoles; c && c->keep.head.domid != g->domid; c = c->next)
        continue;
    g->console = NULL;
    if (!c)
        return;
    console_stop(c, true);
    if (!ends_is_pending(c->name))
        client_hangup(c);
}

static void remove_gone(struct guest **at)
{
    struct guest *g = *at;

    *at = g->next;
    by_id[g->domid] = NULL;
    watch_both(g, false);
    let_go(g);
    change_gone(g->domid);
    if (!g->is_dying)
        ends_left_over(g->domid, g->name);
    free(g);
}

/* What the hypervisor says of one domain. */
static void look_at(const struct xen_domctl_getdomaininfo *info)
{
    struct guest *g = find(info->domain);

    if (g && !g->console)
        read_name(g); /* its event may have come while xenstored was away */
    if (!g)
        g = add(info->domain);
    if (!g)
        return;
    change_seen(info, g->name);
    if (info->flags & XEN_DOMINF_dying && !g->is_dying) {
        g->is_dying = true;
        let_go(g);
        ends_left_over(g->domid, g->name);
    }
    if (info->flags & XEN_DOMINF_shutdown && !g->has_ended && !g->is_dying) {
        if (g->console)
            console_drain(g->console);
        g->has_ended = ends_guest(g->domid, g->name, info->flags >> XEN_DOMINF_shutdownshift & XEN_DOMINF_shutdownmask,
                                  now_ms() - g->started_ms, g->console);
    }
}

/* All domains; NULL: the hypervisor does not say. To be freed. */
static struct xen_domctl_getdomaininfo *list(uint32_t *total)
{
    struct xen_domctl_getdomaininfo *info = NULL, *more;
    uint32_t first = 0, count = LIST_COUNT;

    for (*total = 0; count == LIST_COUNT; *total += count) {
        struct xen_sysctl op = {0};

        more = realloc(info, (*total + LIST_COUNT) * sizeof(*info));
        if (!more)
            break;
        info = more;
        op.u.getdomaininfolist.first_domain = (domid_t)first;
        op.u.getdomaininfolist.max_domains = LIST_COUNT;
        set_xen_guest_handle_raw(op.u.getdomaininfolist.buffer, hyper_data(daemon_state.w));
        if (hyper_sysctl(daemon_state.w, XEN_SYSCTL_getdomaininfolist, &op))
            break;
        count = op.u.getdomaininfolist.num_domains;
        memcpy(info + *total, hyper_data(daemon_state.w), count * sizeof(*info));
        first = count ? info[*total + count - 1].domain + 1u : 0;
    }
    if (count < LIST_COUNT)
        return info;
    free(info);
    return NULL;
}

static void mark(const struct xen_domctl_getdomaininfo *info, uint32_t count)
{
    for (struct guest *g = guests; g; g = g->next)
        g->is_listed = false;
    for (uint32_t i = 0; i < count; i++) {
        struct guest *g = find(info[i].domain);

        if (g)
            g->is_listed = true;
    }
}

/* Those that are gone first and the new ones last: a name may have passed from one to the other. */
static void look(void)
{
    static int64_t named_ms;
    struct guest **at = &guests;
    uint32_t count;
    struct xen_domctl_getdomaininfo *info = store_is_sure() ? list(&count) : NULL;

    look_ms = now_ms() + LOOK_MS;
    if (!store_is_sure())
        return;
    if (!info) {
        if (log_is_due(&named_ms))
            log_warn("the hypervisor does not list its domains");
        return;
    }
    mark(info, count);
    while (*at) {
        if ((*at)->is_listed)
            at = &(*at)->next;
        else
            remove_gone(at);
    }
    for (int is_new = 0; is_new < 2; is_new++)
        for (uint32_t i = 0; i < count; i++)
            if (info[i].domain && (find(info[i].domain) == NULL) == is_new)
                look_at(&info[i]);
    free(info);
}

/* Not through the kernel, which would have this process wait, for as long as xenstored hangs, for each watch. */
static bool connect_watch(void)
{
    int error = watch_open_socket(&watch);

    if (error) {
        errno = error;
        return false;
    }
    watch_add(&watch, "@introduceDomain", "d");
    watch_add(&watch, "@releaseDomain", "d");
    watch_add(&watch, CHANGE_BACKEND, "b");
    for (struct guest *g = guests; g; g = g->next)
        watch_both(g, true);
    watch_source.fd = watch.fd;
    source_add(&watch_source, EPOLLIN);
    return true;
}

static void event(const char *path, const char *token, bool *does_look)
{
    struct guest *g = find((uint32_t)strtoul(token + (token[0] != 0), NULL, 10));

    if (token[0] == 'd')
        *does_look = true;
    else if (token[0] == 'b')
        change_device(path);
    else if (g && token[0] == 'n')
        read_name(g);
    else if (g && token[0] == 'c')
        try_console(g);
}

static void watch_ready(struct source *source, uint32_t events)
{
    const char *path, *token;
    bool does_look = false;
    int result;

    (void)events;
    do {
        result = watch_next(&watch, 0, &path, &token);
        if (result == 1)
            event(path, token, &does_look);
        else if (result == -EREMOTE && strcmp(path, "ENOENT") && strcmp(path, "EEXIST"))
            log_warn("xenstored refuses a watch: %s", path);
    } while (result == 1 || result == -EREMOTE);
    if (result < 0) {
        log_warn("the connection to xenstore broke: %s; it is made anew", strerror(-result));
        source_remove(source);
        watch_close(&watch);
        connect_ms = now_ms() + AGAIN_MS;
    }
    if (does_look)
        look();
}

/* Notes of processes at work: the collector knows which of them are still there. */
static void look_for_orphans(void)
{
    static const char *const notes[] = {NOTE_BUILDING, NOTE_CHANGING};
    unsigned int count = 0;

    for (int i = 0; i < 2 && !count; i++)
        free(ask_list(daemon_state.w, 0, notes[i], &count));
    if (count)
        ends_half_built();
}

void guest_look_soon(void)
{
    look_ms = 0;
}

void guest_end_again(uint32_t domid)
{
    struct guest *g = find(domid);

    if (g)
        g->has_ended = false;
}

/* Domains that ended while nobody looked, and left their keys. */
static void look_for_remains(void)
{
    unsigned int count = 0;
    char **ids = ask_list(daemon_state.w, 0, "/local/domain", &count);

    for (unsigned int i = 0; ids && i < count; i++) {
        uint32_t domid = (uint32_t)strtoul(ids[i], NULL, 10);
        char *name = domid && !find(domid) ? store_text("/local/domain/%u/name", domid) : NULL;

        if (name && keep_name_is_valid(name))
            ends_left_over(domid, name);
        free(name);
    }
    free(ids);
}

/* Whatever was asked for while xenstored did not answer may have been missed. */
static void catch_up(void)
{
    for (struct guest *g = guests; g; g = g->next)
        read_name(g);
    change_device(CHANGE_BACKEND);
    look_for_remains();
    look_ms = orphans_ms = 0;
}

int64_t guest_due(int64_t now)
{
    if (!store_is_sure()) {
        if (!store_is_back())
            return now + LOOK_MS;
        catch_up();
    }
    if (connect_ms && connect_ms <= now) {
        connect_ms = connect_watch() ? 0 : now + AGAIN_MS;
        if (!connect_ms)
            look();
    }
    if (look_ms <= now)
        look();
    if (orphans_ms <= now) {
        orphans_ms = now + ORPHANS_MS;
        look_for_orphans();
    }
    return connect_ms && connect_ms < look_ms ? connect_ms : look_ms;
}

bool guest_init(void)
{
    char extra[16];

    /* Any call with an argument makes hyper_data, which the list is read through. */
    if (hyper_version(daemon_state.w, XENVER_extraversion, extra, sizeof(extra)) < 0)
        log_warn("the hypervisor does not say its version");
    watch_source = (struct source){.ready = watch_ready, .fd = -1};
    free(store_text("/tool"));
    connect_ms = store_is_sure() && connect_watch() ? 0 : 1;
    look();
    change_started();
    orphans_ms = now_ms() + ORPHANS_MS;
    look_for_remains();
    /* Consoles of domains that ended while nobody looked. */
    for (struct console *c = consoles, *next; c; c = next) {
        next = c->next;
        if (!c->ring.page && c->keep.head.domid != KEEP_NO_DOMAIN && !find(c->keep.head.domid))
            console_stop(c, true);
    }
    return true;
}
