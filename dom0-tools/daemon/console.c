/* SPDX-License-Identifier: MIT */
/*
 * Consoles. A console belongs to a name, not to a domain: what a domain printed before it died is read under its name,
 * and a domain that is restarted goes on in the same. Bytes go from the guest's ring into the kept file first, then
 * into the log, and only then is the guest told that they are taken: killed in between, nothing is lost. The mapping
 * keeps the guest's page alive when the domain dies, until its last bytes are taken. A guest that prints faster than it
 * may is left alone with a full ring and a masked event channel until it may again, so it costs nothing meanwhile.
 */
#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "event.h"
#include "internal.h"

#define GRANT_OF_CONSOLE 0 /* the builder's first entry in each guest's grant table */
#define EVENTS_AT_ONCE   64
#define KEEP_AT_ONCE     4096

struct console *consoles;
static struct console **by_port; /* of local event channels */
static uint32_t port_count;
static struct source events;

static struct console *of_port(uint32_t port)
{
    return port < port_count ? by_port[port] : NULL;
}

static bool set_port(uint32_t port, struct console *c)
{
    if (port >= port_count) {
        uint32_t count = port + 64;
        struct console **more = realloc(by_port, count * sizeof(*more));

        if (!more)
            return false;
        memset(more + port_count, 0, (count - port_count) * sizeof(*more));
        by_port = more;
        port_count = count;
    }
    by_port[port] = c;
    return true;
}

struct console *console_find(const char *name_or_id)
{
    char *end;
    unsigned long id = strtoul(name_or_id, &end, 10);
    bool is_id = *name_or_id && !*end && id != KEEP_NO_DOMAIN;

    for (struct console *c = consoles; c; c = c->next)
        if (is_id ? c->ring.page && c->keep.head.domid == id : !strcmp(c->name, name_or_id))
            return c;
    return NULL;
}

/* Bytes that a predecessor kept and did not get into the log any more. */
static void log_rest(struct console *c)
{
    char buffer[4096];

    if (c->keep.head.logged < keep_first(&c->keep))
        c->keep.head.logged = keep_first(&c->keep);
    while (c->keep.head.logged < c->keep.head.total) {
        size_t n = keep_read(&c->keep, c->keep.head.logged, buffer, sizeof(buffer));

        if (!n || (!logfile_write(c->name, buffer, n) && log_is_due(&c->named_full_ms)))
            log_warn("console of %s: its log file takes nothing more: %s (see df)", c->name, strerror(errno));
        c->keep.head.logged = n ? c->keep.head.logged + n : c->keep.head.total;
    }
}

struct console *console_get(const char *name)
{
    struct console *c = console_find(name);
    int error;

    if (c)
        return c;
    c = calloc(1, sizeof(*c));
    error = c ? keep_open(&c->keep, daemon_state.console_dir, name, daemon_state.options.keep_bytes) : ENOMEM;
    if (error) {
        log_warn("console of %s: its output cannot be kept in %s/console: %s", name, daemon_state.options.run_dir,
                 strerror(error));
        free(c);
        return NULL;
    }
    snprintf(c->name, sizeof(c->name), "%s", name);
    log_rest(c);
    c->next = consoles;
    consoles = c;
    return c;
}

static void drop(struct console *c)
{
    struct console **at = &consoles;

    while (*at != c)
        at = &(*at)->next;
    *at = c->next;
    client_hangup(c);
    client_drop(c);
    client_tty_close(c);
    keep_close(&c->keep);
    free(c->input);
    free(c);
}

bool console_forget(struct console *c)
{
    if (c->ring.page)
        return false;
    unlinkat(daemon_state.console_dir, c->name, 0);
    drop(c);
    return true;
}

/* Of those that are over only so many are kept: the oldest go. */
static void forget_old(void)
{
    for (;;) {
        struct console *oldest = NULL;
        uint32_t count = 0;

        for (struct console *c = consoles; c; c = c->next) {
            if (c->ring.page || c->keep.head.domid != KEEP_NO_DOMAIN)
                continue;
            count++;
            if (!oldest || c->keep.head.ended < oldest->keep.head.ended)
                oldest = c;
        }
        if (count <= daemon_state.options.dead_count)
            return;
        console_forget(oldest);
    }
}

/* Keeps and passes on; cons: the guest's ring is taken up to here. */
static void keep_bytes(struct console *c, const char *bytes, size_t count, uint32_t cons)
{
    int error = keep_append(&c->keep, bytes, count, cons);

    if (error && log_is_due(&c->named_full_ms))
        log_warn("console of %s: %zu bytes are lost to those who read it: %s (see df %s)", c->name, count,
                 strerror(error), daemon_state.options.run_dir);
    if (!logfile_write(c->name, bytes, count) && log_is_due(&c->named_full_ms))
        log_warn("console of %s: its log file takes nothing more: %s (see df %s)", c->name, strerror(errno),
                 daemon_state.options.log_dir);
    if (!error)
        c->keep.head.logged = c->keep.head.total;
}

void console_note(struct console *c, const char *format, ...)
{
    char text[256];
    va_list args;
    int n, m;

    n = snprintf(text, sizeof(text), "\r\n[wirtd: ");
    va_start(args, format);
    m = vsnprintf(text + n, sizeof(text) - 16, format, args);
    va_end(args);
    n += m < (int)sizeof(text) - 16 - n ? m : (int)sizeof(text) - 17 - n;
    n += snprintf(text + n, 4, "]\r\n");
    keep_bytes(c, text, strnlen(text, (size_t)n), c->keep.head.cons);
    client_kick(&c->keep);
}

void console_keep(struct console *c, const char *bytes, size_t count)
{
    for (size_t done = 0, n; done < count; done += n) {
        n = count - done < KEEP_AT_ONCE ? count - done : KEEP_AT_ONCE;
        keep_bytes(c, bytes + done, n, c->keep.head.cons);
    }
    client_kick(&c->keep);
}

bool console_has_said(const struct console *c, const char *words)
{
    char last[2 * KEEP_AT_ONCE];
    uint64_t first = keep_first(&c->keep), total = c->keep.head.total;
    size_t n;

    if (total - first > sizeof(last))
        first = total - sizeof(last);
    n = keep_read(&c->keep, first, last, (size_t)(total - first));
    return memmem(last, n, words, strlen(words)) != NULL;
}

static void name_rubbish(struct console *c)
{
    if (c->ring.rubbish_count == c->named_rubbish || !log_is_due(&c->named_rubbish_ms))
        return;
    log_warn("console of %s (%u): the guest writes indexes into its console ring that cannot be, %llu times so far; "
             "what it printed meanwhile is lost, nothing else is touched",
             c->name, c->keep.head.domid, (unsigned long long)c->ring.rubbish_count);
    c->named_rubbish = c->ring.rubbish_count;
}

/* One ring's worth; how much it was. */
static size_t take(struct console *c)
{
    char bytes[RING_OUT];
    size_t count = ring_take(&c->ring, bytes);

    if (count) {
        keep_bytes(c, bytes, count, c->ring.out_cons + (uint32_t)count);
        ring_taken(&c->ring, count);
        change_printed(c->keep.head.domid, count);
    }
    name_rubbish(c);
    return count;
}

static void feed(struct console *c)
{
    size_t done = c->input_count ? ring_put(&c->ring, c->input, c->input_count) : 0;

    if (!done)
        return;
    c->input_count = (uint16_t)(c->input_count - done);
    memmove(c->input, c->input + done, c->input_count);
    if (!c->input_count) {
        free(c->input);
        c->input = NULL;
    }
    xenevtchn_notify(daemon_state.w->events, c->local_port);
    client_room(c);
}

bool console_has_room(const struct console *c)
{
    return c->input_count < INPUT_SIZE;
}

size_t console_type(struct console *c, const char *bytes, size_t count)
{
    if (!c->ring.page)
        return count; /* nobody is there to read it */
    if (!c->input)
        c->input = malloc(INPUT_SIZE);
    if (!c->input)
        return 0;
    if (count > INPUT_SIZE - (size_t)c->input_count)
        count = INPUT_SIZE - c->input_count;
    memcpy(c->input + c->input_count, bytes, count);
    c->input_count = (uint16_t)(c->input_count + count);
    feed(c);
    return count;
}

/* Serves a guest that has sent an event or has waited long enough, then lets it send the next. */
static void serve(struct console *c)
{
    size_t count = take(c);
    int64_t until;

    feed(c);
    if (count) {
        xenevtchn_notify(daemon_state.w->events, c->local_port);
        client_kick(&c->keep);
    }
    until = bucket_spend(&c->bucket, now_ms(), (uint32_t)count);
    if (until) {
        c->held_until_ms = until;
        c->held_count++;
        if (log_is_due(&c->named_flood_ms))
            log_warn("console of %s (%u): the guest floods it; it is let print %u KiB a second and waits otherwise, "
                     "%llu times so far",
                     c->name, c->keep.head.domid, BUCKET_RATE >> 10, (unsigned long long)c->held_count);
        return;
    }
    c->held_until_ms = 0;
    xenevtchn_unmask(daemon_state.w->events, c->local_port);
}

int64_t console_due(int64_t now)
{
    int64_t next = INT64_MAX;

    for (struct console *c = consoles; c; c = c->next) {
        if (c->held_until_ms && c->held_until_ms <= now)
            serve(c);
        if (c->held_until_ms && c->held_until_ms < next)
            next = c->held_until_ms;
    }
    return next;
}

static void events_ready(struct source *source, uint32_t flags)
{
    (void)source;
    (void)flags;
    for (int i = 0; i < EVENTS_AT_ONCE; i++) {
        int port = xenevtchn_pending(daemon_state.w->events);
        struct console *c = port < 0 ? NULL : of_port((uint32_t)port);

        if (port < 0) {
            if (errno != EAGAIN)
                log_warn("event channels: %s", strerror(errno));
            return;
        }
        if (c)
            serve(c);
    }
}

static void unmap(struct console *c)
{
    if (c->is_granted)
        xengnttab_unmap(daemon_state.w->grants, c->ring.page, 1);
    else
        xenforeignmemory_unmap(daemon_state.w->memory, c->ring.page, 1);
    c->ring.page = NULL;
}

/* As the builder's page, or if the hypervisor has it so no more, as the guest's grant. */
static struct xencons_interface *map(struct console *c, uint32_t domid, uint64_t mfn)
{
    xen_pfn_t frame = mfn;
    int error = 0;
    void *page = xenforeignmemory_map(daemon_state.w->memory, domid, PROT_READ | PROT_WRITE, 1, &frame, &error);

    c->is_granted = false;
    if (page && error) {
        xenforeignmemory_unmap(daemon_state.w->memory, page, 1);
        page = NULL;
    }
    if (!page && need_grants(daemon_state.w) == 0) {
        page = xengnttab_map_grant_ref(daemon_state.w->grants, domid, GRANT_OF_CONSOLE, PROT_READ | PROT_WRITE);
        c->is_granted = page != NULL;
    }
    return page;
}

/* The console goes to a domain: a new one, or after a restart of the daemon the same. */
static void hand_over(struct console *c, uint32_t domid, struct xencons_interface *page)
{
    bool is_same = c->keep.head.domid == domid;

    ring_start(&c->ring, page, is_same ? &c->keep.head.cons : NULL);
    c->keep.head.domid = domid;
    c->keep.head.cons = c->ring.out_cons;
    c->keep.head.ended = 0;
    if (keep_save(&c->keep))
        log_warn("console of %s: %s/console cannot be written: %s", c->name, daemon_state.options.run_dir,
                 strerror(errno));
    if (!is_same && c->keep.head.total)
        console_note(c, "%s is domain %u from here on", c->name, domid);
    bucket_start(&c->bucket, now_ms());
    c->held_until_ms = 0;
    c->named_rubbish = c->ring.rubbish_count;
}

bool console_start(struct console *c, uint32_t domid, uint64_t mfn, uint32_t port)
{
    struct xencons_interface *page = map(c, domid, mfn);
    int local;

    if (!page) {
        log_warn("console of %s (%u): its page %#llx cannot be mapped: %s (has the domain ended already?)", c->name,
                 domid, (unsigned long long)mfn, strerror(errno));
        return false;
    }
    local = xenevtchn_bind_interdomain(daemon_state.w->events, domid, port);
    if (local < 0 || !set_port((uint32_t)local, c)) {
        log_warn("console of %s (%u): its event channel %u cannot be bound: %s", c->name, domid, port, strerror(errno));
        c->ring.page = page;
        unmap(c);
        return false;
    }
    hand_over(c, domid, page);
    c->local_port = (uint32_t)local;
    /* What it printed before anybody listened gave no event that we saw. */
    serve(c);
    return true;
}

void console_drain(struct console *c)
{
    if (!c->ring.page)
        return;
    for (int i = 0; i < 2 && take(c); i++)
        continue;
    client_kick(&c->keep);
}

void console_stop(struct console *c, bool is_over)
{
    if (c->ring.page) {
        console_drain(c);
        by_port[c->local_port] = NULL;
        xenevtchn_unbind(daemon_state.w->events, c->local_port);
        unmap(c);
    }
    c->held_until_ms = 0;
    c->input_count = 0;
    free(c->input);
    c->input = NULL;
    if (!is_over)
        return;
    c->keep.head.domid = KEEP_NO_DOMAIN;
    c->keep.head.ended = time(NULL);
    keep_save(&c->keep);
    client_tty_close(c);
    forget_old();
}

bool console_rename(struct console *c, const char *name)
{
    struct console *other = console_find(name);

    if (other && !console_forget(other))
        return false;
    if (renameat(daemon_state.console_dir, c->name, daemon_state.console_dir, name))
        return false;
    snprintf(c->name, sizeof(c->name), "%s", name);
    return true;
}

void console_init(void)
{
    DIR *dir = fdopendir(dup(daemon_state.console_dir));
    struct dirent *entry;

    need_grants(daemon_state.w); /* now, as when a page cannot be mapped otherwise it may be late: see map() */
    while (dir && (entry = readdir(dir)))
        if (keep_name_is_valid(entry->d_name))
            console_get(entry->d_name);
    if (dir)
        closedir(dir);
    events = (struct source){.ready = events_ready, .fd = xenevtchn_fd(daemon_state.w->events)};
    source_add(&events, EPOLLIN);
}
