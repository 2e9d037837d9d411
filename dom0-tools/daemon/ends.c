/* SPDX-License-Identifier: MIT */
/*
 * What is done when a domain has ended: policy.c's verdict carried out. A restart is written down in a file of its own
 * (the configuration, and when it is due) before the old domain is touched, and the file goes when the new one is
 * there. So a daemon that is killed at any moment is followed by one that goes on where it was. Domains without a
 * configuration in xenstore belong to another tool and are left alone.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "crash.h"
#include "event.h"
#include "internal.h"
#include "policy.h"

#include <xen/sched.h>

#define RETRY_MS 5000
#define CLEAN_MS 5000

enum pending_state { REMOVING, WAITING, CREATING, CLEANING };
struct pending {
    struct pending *next;
    char name[WIRT_NAME_MAX + 1];
    enum pending_state state;
    bool is_set_aside, is_running; /* is_running: a job is at it */
    uint32_t domid, quick_count, delay_s;
    int64_t due_ms;
};
static struct pending *pendings;

static struct pending *find(const char *name)
{
    struct pending *p = pendings;

    while (p && (p->state == CLEANING || strcmp(p->name, name)))
        p = p->next;
    return p;
}

bool ends_is_pending(const char *name)
{
    return find(name) != NULL;
}

static void drop(struct pending *p)
{
    struct pending **at = &pendings;

    while (*at != p)
        at = &(*at)->next;
    *at = p->next;
    free(p);
}

static struct pending *add(const char *name, enum pending_state state, uint32_t domid)
{
    struct pending *p = calloc(1, sizeof(*p));

    if (!p) {
        log_warn("domain %s: wirtd is out of memory", name);
        return NULL;
    }
    snprintf(p->name, sizeof(p->name), "%s", name);
    p->state = state;
    p->domid = domid;
    p->next = pendings;
    pendings = p;
    return p;
}

/* The file of a restart: a comment with what is ours, then the configuration. */
static bool write_file(const struct pending *p, const char *xml)
{
    char part[WIRT_NAME_MAX + 8];
    int fd, n, size = (int)strlen(xml);

    snprintf(part, sizeof(part), ".%s.new", p->name);
    fd = openat(daemon_state.restart_dir, part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0)
        return false;
    n = dprintf(fd, "<!-- wirtd quick=%u -->\n%s", p->quick_count, xml);
    close(fd);
    return n > size && renameat(daemon_state.restart_dir, part, daemon_state.restart_dir, p->name) == 0;
}

static void removed(const char *name, uint32_t domid, int status);

static void start_removal(struct pending *p)
{
    p->is_running = job_start(p->is_set_aside ? "set-aside" : "destroy", p->name, p->domid, removed);
    if (!p->is_running)
        p->due_ms = now_ms() + RETRY_MS;
}

static void removed(const char *name, uint32_t domid, int status)
{
    struct pending *p = find(name);

    if (!p || p->state != REMOVING || p->domid != domid)
        return;
    p->is_running = false;
    p->state = status ? REMOVING : WAITING;
    p->due_ms = now_ms() + (status ? RETRY_MS : (int64_t)p->delay_s * 1000);
}

static void destroyed(const char *name, uint32_t domid, int status)
{
    if (status == WIRT_NO_HOST)
        guest_end_again(domid);
    if (status)
        log_warn("domain %s (%u) could not be destroyed; the reason is above; wirt destroy %u tries again", name, domid,
                 domid);
}

static void created(const char *name, uint32_t domid, int status)
{
    struct pending *p = find(name);
    struct console *c = console_find(name);

    (void)domid;
    if (!p || p->state != CREATING)
        return;
    p->is_running = false;
    if (c)
        c->quick_count = p->quick_count;
    if (!status) {
        drop(p);
        return;
    }
    p->state = WAITING;
    p->delay_s = p->delay_s ? 2 * p->delay_s : 1;
    if (p->delay_s > POLICY_DELAY_S)
        p->delay_s = POLICY_DELAY_S;
    p->due_ms = now_ms() + (int64_t)p->delay_s * 1000;
    log_warn("domain %s could not be started again; the next attempt is in %u s (wirt destroy %s ends that)", name,
             p->delay_s, name);
}

/* As it was made, but by the name that it has now. */
static void restart(uint32_t domid, const char *name, struct wirt_config *config, const struct policy_verdict *v)
{
    char *xml = NULL;
    struct pending *p = find(name);

    if (p)
        drop(p);
    snprintf(config->name, sizeof(config->name), "%s", name);
    if (wirt_config_write(daemon_state.w, config, -1, &xml))
        log_error("a domain that is to be restarted stays as it is");
    p = xml ? add(name, REMOVING, domid) : NULL;
    if (p) {
        p->is_set_aside = v->act == POLICY_RENAME_RESTART;
        p->quick_count = v->quick_count;
        p->delay_s = v->delay_s;
        if (write_file(p, xml)) {
            start_removal(p);
        } else {
            log_warn("domain %s (%u) stays as it is, it cannot be restarted: %s/restart/%s: %s", name, domid,
                     daemon_state.options.run_dir, name, strerror(errno));
            drop(p);
        }
    }
    free(xml);
}

/* "restart" and so on, as it stands in the configuration. */
static const char *act_name(enum policy_act act)
{
    static const char *const names[] = {"preserve", "destroy", "restart", "rename-restart"};

    return names[act];
}

static void announce(uint32_t domid, const char *name, const struct policy_verdict *v, int64_t lived_ms,
                     struct console *c)
{
    char wait[192] = "";

    if (v->delay_s)
        snprintf(wait, sizeof(wait), ", in %u s: it is quick end number %u in a row (wirt destroy %s ends that)",
                 v->delay_s, v->quick_count, name);
    log_say("domain %s (%u) %s after %" PRId64 " s: %s says %s%s", name, domid, v->reason, lived_ms / 1000, v->setting,
            act_name(v->act), wait);
    change_policy(domid, v->setting, act_name(v->act), v->delay_s);
    if (c)
        console_note(c, "%s (%u) %s: %s says %s%s", name, domid, v->reason, v->setting, act_name(v->act), wait);
}

/* A copy of the page that the guest names, which can only be one of its own. */
static bool copy_crash_page(uint32_t domid, unsigned char copy[CRASH_PAGE])
{
    xen_pfn_t frame;
    uint64_t number;
    int error = 0;
    void *page;

    if (!store_number(&number, "/local/domain/%u/data/crash-page", domid))
        return false;
    frame = number;
    page = xenforeignmemory_map(daemon_state.w->memory, domid, PROT_READ, 1, &frame, &error);
    if (!page)
        return false;
    if (!error)
        memcpy(copy, page, CRASH_PAGE);
    xenforeignmemory_unmap(daemon_state.w->memory, page, 1);
    return !error;
}

/* What the guest's kernel left when it panicked: behind what it printed, if it did not print it; why, for dominfo. */
static void take_report(uint32_t domid, struct console *c)
{
    static unsigned char page[CRASH_PAGE];
    static char text[CRASH_TEXT];
    char reason[CRASH_REASON], path[64];
    size_t count = copy_crash_page(domid, page) ? crash_text(page, text) : 0;

    if (!count)
        return;
    crash_reason(text, count, reason);
    snprintf(path, sizeof(path), "/local/domain/%u/wirt/crash", domid);
    store_set(path, "%s", reason);
    if (c && !console_has_said(c, reason)) {
        console_note(c, "the end of its kernel's log");
        console_keep(c, text, count);
    }
}

bool ends_guest(uint32_t domid, const char *name, uint8_t reason, int64_t lived_ms, struct console *c)
{
    struct wirt_config *config = NULL;
    struct policy_case facts = {.reason = reason, .lived_s = (uint64_t)lived_ms / 1000};
    struct policy_verdict v;
    char *text = store_text("/local/domain/%u/wirt/config", domid);

    if (!text || !daemon_state.options.has_policy || !keep_name_is_valid(name)) {
        free(text);
        return store_is_sure();
    }
    free(text);
    if (reason == SHUTDOWN_crash)
        take_report(domid, c);
    if (wirt_running_config(daemon_state.w, domid, &config)) {
        if (!store_is_sure())
            return false;
        log_error("a domain has ended and is left as it is");
        return true;
    }
    facts.on_poweroff = config->on_poweroff;
    facts.on_reboot = config->on_reboot;
    facts.on_crash = config->on_crash;
    facts.quick_count = c ? c->quick_count : 0;
    v = policy_decide(&facts);
    if (c)
        c->quick_count = v.quick_count;
    announce(domid, name, &v, lived_ms, c);
    if (v.act == POLICY_DESTROY)
        job_start("destroy", name, domid, destroyed);
    else if (v.act != POLICY_LEAVE)
        restart(domid, name, config, &v);
    wirt_config_free(config);
    return true;
}

void ends_left_over(uint32_t domid, const char *name)
{
    struct pending *p;

    if (!daemon_state.options.has_policy)
        return;
    /* Whoever destroyed it is given time to finish. */
    p = add(name, CLEANING, domid);
    if (p)
        p->due_ms = now_ms() + CLEAN_MS;
}

static void nothing(const char *name, uint32_t domid, int status)
{
    (void)name;
    (void)domid;
    (void)status;
}

/* xenstored tells nobody of the end of a domain that it was never told of. */
static void collected(const char *name, uint32_t domid, int status)
{
    nothing(name, domid, status);
    guest_look_soon();
}

void ends_half_built(void)
{
    if (daemon_state.options.has_policy && !job_is_running(""))
        job_start("collect", "", 0, collected);
}

void ends_autostart(void)
{
    job_start("autostart", "", 0, nothing);
}

static void clean(struct pending *p)
{
    char *left = store_text("/local/domain/%u/wirt/config", p->domid);

    if (left)
        job_start("clean", p->name, p->domid, nothing);
    else if (!store_is_sure())
        p->due_ms = now_ms() + RETRY_MS;
    if (left || p->due_ms <= now_ms())
        drop(p);
    free(left);
}

static void act(struct pending *p)
{
    switch (p->state) {
    case REMOVING:
        start_removal(p);
        break;
    case WAITING:
        p->state = CREATING;
        p->is_running = job_start("create", p->name, 0, created);
        if (!p->is_running) {
            p->state = WAITING;
            p->due_ms = now_ms() + RETRY_MS;
        }
        break;
    case CLEANING:
        clean(p);
        break;
    default:
        break;
    }
}

int64_t ends_due(int64_t now)
{
    int64_t next = INT64_MAX;

    for (struct pending *p = pendings, *after; p; p = after) {
        after = p->next;
        if (p->is_running)
            continue;
        if (p->due_ms <= now)
            act(p);
        else if (p->due_ms < next)
            next = p->due_ms;
    }
    return next;
}

enum wirt_code ends_cancel(const char *name)
{
    struct pending *p = find(name);
    struct console *c = console_find(name);

    if (!p)
        return WIRT_NOT_FOUND;
    if (p->state == CREATING)
        return WIRT_REFUSED;
    unlinkat(daemon_state.restart_dir, name, 0);
    drop(p);
    log_say("domain %s is not started again: its restart was cancelled", name);
    if (c && !c->ring.page)
        client_hangup(c);
    return WIRT_OK;
}

void ends_list(FILE *out)
{
    int64_t now = now_ms();
    const char *comma = "";

    for (const struct pending *p = pendings; p; p = p->next) {
        if (p->state == CLEANING)
            continue;
        fprintf(out, "%s{\"name\":\"%s\",\"seconds\":%" PRId64 ",\"quick\":%u}", comma, p->name,
                p->state == WAITING && p->due_ms > now ? (p->due_ms - now) / 1000 : 0, p->quick_count);
        comma = ",";
    }
}

uint32_t ends_waiting(void)
{
    uint32_t count = 0;

    for (const struct pending *p = pendings; p; p = p->next)
        count += p->state != CLEANING;
    return count;
}

/* What a predecessor had begun. */
void ends_init(void)
{
    DIR *dir = fdopendir(dup(daemon_state.restart_dir));
    struct dirent *entry;

    while (dir && (entry = readdir(dir))) {
        const char *name = entry->d_name;
        struct console *c = console_find(name);
        struct pending *p;
        char head[64] = "";
        int fd;

        if (!keep_name_is_valid(name) || find(name))
            continue;
        if (guest_is_there(name)) {
            unlinkat(daemon_state.restart_dir, name, 0);
            continue;
        }
        p = add(name, WAITING, 0);
        fd = openat(daemon_state.restart_dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
        if (p && fd >= 0 && read(fd, head, sizeof(head) - 1) > 0)
            sscanf(head, "<!-- wirtd quick=%u", &p->quick_count);
        /* The new domain may have ended before its builder says that it is there. */
        if (p && c)
            c->quick_count = p->quick_count;
        if (fd >= 0)
            close(fd);
        log_say("domain %s: its restart, which was under way, goes on", name);
    }
    if (dir)
        closedir(dir);
}
