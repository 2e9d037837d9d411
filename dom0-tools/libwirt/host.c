/* SPDX-License-Identifier: MIT */
/*
 * The hypervisor itself: what it is, its log, its keys, its self-audit. The log is a ring; it is read piece by piece
 * from an index on, which is also how what a key prints is told from what was there before.
 */
#include "hyper.h"
#include "public/wirt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <xen/version.h>

#define AUDIT_KEY        "0"
#define AUDIT_PATIENCE_S 30 /* of our own, over the hypervisor's */

/* ---- what it is ---- */

static void version_text(struct wirt *w, int cmd, char *out, size_t size)
{
    char text[1025] = "";

    if (hyper_version(w, cmd, text, sizeof(text) - 1) < 0)
        text[0] = 0;
    snprintf(out, size, "%s", text);
}

/* Another hypervisor says only whether. */
static void tell_assist(struct wirt *w, struct wirt_host *out)
{
    struct xen_sysctl op = {0};
    const struct wirt_sysctl_assist *a = (const struct wirt_sysctl_assist *)(const void *)&op.u;

    if (hyper_sysctl(w, WIRT_SYSCTL_assist, &op) == 0)
        snprintf(out->assist, sizeof(out->assist), "%s%.*s", a->is_used ? "" : "none: ", (int)sizeof(a->text) - 1,
                 a->text);
    else
        snprintf(out->assist, sizeof(out->assist), "%s", out->is_assisted ? "used" : "none");
}

int wirt_host_info(struct wirt *w, struct wirt_host *out)
{
    struct xen_sysctl op = {0};
    const struct xen_sysctl_physinfo *p = &op.u.physinfo;
    int code = need_call(w), version, result;

    memset(out, 0, sizeof(*out));
    if (code)
        return code;
    version = hyper_version(w, XENVER_version, NULL, 0);
    version_text(w, XENVER_extraversion, out->extra, sizeof(xen_extraversion_t) + 1);
    version_text(w, XENVER_changeset, out->changeset, sizeof(out->changeset));
    version_text(w, XENVER_capabilities, out->capabilities, sizeof(out->capabilities));
    version_text(w, XENVER_commandline, out->commandline, sizeof(out->commandline));
    snprintf(out->version, sizeof(out->version), "%d.%d", version >> 16, version & 0xffff);
    out->is_wirt = strstr(out->extra, "wirt") != NULL;
    result = hyper_sysctl(w, XEN_SYSCTL_physinfo, &op);
    if (result < 0)
        return hyper_fail(w, result, "hypervisor", "ask about the machine", "");
    out->cpus = p->nr_cpus;
    out->cpu_khz = p->cpu_khz;
    out->memory_kib = p->total_pages * 4;
    out->free_kib = p->free_pages * 4;
    out->claimed_kib = p->outstanding_pages * 4;
    out->is_assisted = p->capabilities & XEN_SYSCTL_PHYSCAP_hvm && p->capabilities & XEN_SYSCTL_PHYSCAP_hap;
    tell_assist(w, out);
    return 0;
}

/* ---- its log ---- */

/* From *index to the end; what is there is appended to *text (which may be NULL: skip). */
static int read_log(struct wirt *w, uint32_t *index, bool does_clear, char **text, size_t *size)
{
    for (;;) {
        struct xen_sysctl op = {0};
        struct xen_sysctl_readconsole *r = &op.u.readconsole;
        char *data = hyper_data(w), *more;
        int result;

        r->clear = does_clear;
        r->incremental = 1;
        r->index = *index;
        r->count = HYPER_DATA_SIZE;
        set_xen_guest_handle(r->buffer, data);
        result = hyper_sysctl(w, XEN_SYSCTL_readconsole, &op);
        if (result < 0)
            return hyper_fail(w, result, "hypervisor", "read its log", "");
        if (r->count == 0 || r->count > HYPER_DATA_SIZE)
            return 0;
        *index = r->index;
        if (!text)
            continue;
        more = realloc(*text, *size + r->count + 1);
        if (!more)
            return wirt_fail(w, WIRT_NO_ROOM, "dom0", "read the log", "", "it is out of memory");
        *text = more;
        memcpy(more + *size, data, r->count);
        *size += r->count;
        more[*size] = 0;
    }
}

int wirt_host_log(struct wirt *w, bool does_clear, char **text)
{
    uint32_t index = 0;
    size_t size = 0;
    int code = need_call(w);

    *text = NULL;
    if (!code)
        code = read_log(w, &index, does_clear, text, &size);
    if (!code && !*text)
        *text = strdup("");
    if (code) {
        free(*text);
        *text = NULL;
    }
    return code;
}

/* ---- its keys ---- */

static int press(struct wirt *w, const char *keys)
{
    struct xen_sysctl op = {0};
    size_t count = strlen(keys);
    char *data = hyper_data(w);
    int result;

    if (count == 0 || count > 64)
        return wirt_fail(w, WIRT_REFUSED, "hypervisor", "press its keys", "h lists them", "%zu keys; 1 to 64 at a time",
                         count);
    memcpy(data, keys, count);
    op.u.debug_keys.nr_keys = (uint32_t)count;
    set_xen_guest_handle(op.u.debug_keys.keys, data);
    result = hyper_sysctl(w, XEN_SYSCTL_debug_keys, &op);
    return result < 0 ? hyper_fail(w, result, "hypervisor", "press its keys", "'%s'", keys) : 0;
}

int wirt_host_keys(struct wirt *w, const char *keys, char **text)
{
    uint32_t index = 0;
    size_t size = 0;
    int code = need_call(w);

    *text = NULL;
    if (!code)
        code = read_log(w, &index, false, NULL, NULL);
    if (!code)
        code = press(w, keys);
    if (!code)
        code = read_log(w, &index, false, text, &size);
    if (!code && !*text)
        *text = strdup("");
    return code;
}

/* The line that ends an audit, or NULL: "audit: N frames, N faults, N ms", or "audit: not done" and why. It begins its
 * line of the log; that the key was pressed is a line that names the audit too. */
static const char *audit_end(const char *text)
{
    static const char mark[] = "(WIRT) audit: ";
    const char *line = text ? strstr(text, mark) : NULL;

    return line && strchr(line, '\n') ? line + strlen("(WIRT) ") : NULL;
}

int wirt_host_audit(struct wirt *w, char **text, uint64_t *faults)
{
    const struct timespec nap = {.tv_nsec = 20 * 1000 * 1000};
    struct wirt_host host;
    uint32_t index = 0;
    size_t size = 0;
    unsigned long checked, found;
    const char *line = NULL;
    int code = wirt_host_info(w, &host);

    *text = NULL;
    *faults = 0;
    if (!code && !host.is_wirt)
        code = wirt_fail(w, WIRT_NO_HOST, "hypervisor", "audit", "", "only Wirt audits itself; this is version %s%s",
                         host.version, host.extra);
    if (!code)
        code = read_log(w, &index, false, NULL, NULL);
    if (!code)
        code = press(w, AUDIT_KEY);
    for (int i = 0; !code && !line && i < AUDIT_PATIENCE_S * 50; i++) {
        if (i)
            nanosleep(&nap, NULL);
        code = read_log(w, &index, false, text, &size);
        line = audit_end(*text);
    }
    if (code)
        return code;
    if (!line)
        return wirt_fail(w, WIRT_TIMEOUT, "hypervisor", "audit", "see wirt dmesg", "no result after %d s",
                         AUDIT_PATIENCE_S);
    if (sscanf(line, "audit: %lu frames, %lu faults", &checked, &found) != 2)
        return wirt_fail(w, WIRT_FAILED, "hypervisor", "audit", "", "%.*s", (int)strcspn(line, "\r\n"), line);
    *faults = found;
    return 0;
}
