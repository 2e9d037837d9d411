/* SPDX-License-Identifier: MIT */
/*
 * Who keeps the memory of a dead domain. Wirt counts, for each domain, the grants of the dead one that it maps; frames
 * beyond those are shown by foreign mappings, which only dom0 can have. Whose frames a program of dom0 maps its kernel
 * does not tell, so the back ends of that domain are named, and the programs that map other domains' memory at all.
 * Nothing here sets the handle's error: what cannot be found out is left out.
 */
#include "holder.h"

#include <ctype.h>
#include <dirent.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "domctl.h"
#include "public/wirt.h"

#define BACKENDS   "/sys/bus/xen-backend/devices"
#define NAMES_MOST 3 /* that a message has room for */

struct names {
    char *text;
    size_t size;
    unsigned int count;
};

static void name_add(struct names *n, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void name_add(struct names *n, const char *format, ...)
{
    size_t used = strlen(n->text);
    va_list args;

    if (n->count++ < NAMES_MOST) {
        used += (size_t)snprintf(n->text + used, n->size - used, "%s", used ? ", " : "");
        va_start(args, format);
        if (used < n->size)
            vsnprintf(n->text + used, n->size - used, format, args);
        va_end(args);
    } else if (n->count == NAMES_MOST + 1 && used + 4 < n->size) {
        strcpy(n->text + used, " ...");
    }
}

/* KIND-DOMID-NUMBER */
static void add_backends(struct names *n, uint32_t domid)
{
    DIR *dir = opendir(BACKENDS);
    const struct dirent *e;
    unsigned int id;

    while (dir && (e = readdir(dir)))
        if (sscanf(e->d_name, "%*[a-z]-%u-", &id) == 1 && id == domid)
            name_add(n, "%s", e->d_name);
    if (dir)
        closedir(dir);
}

static bool does_map(const char *pid, const char *device)
{
    char path[64], line[512];
    bool is_found = false;
    FILE *maps;

    snprintf(path, sizeof(path), "/proc/%.20s/maps", pid);
    maps = fopen(path, "re");
    while (maps && !is_found && fgets(line, sizeof(line), maps)) {
        size_t length = strcspn(line, "\n"), tail = strlen(device);

        is_found = length > tail && !memcmp(line + length - tail, device, tail);
    }
    if (maps)
        fclose(maps);
    return is_found;
}

static void add_programs(struct names *n, const char *device)
{
    DIR *dir = opendir("/proc");
    const struct dirent *e;

    while (dir && (e = readdir(dir))) {
        char path[64], name[32] = "";
        FILE *comm;

        if (!isdigit((unsigned char)e->d_name[0]) || atoi(e->d_name) == getpid() || !does_map(e->d_name, device))
            continue;
        snprintf(path, sizeof(path), "/proc/%.20s/comm", e->d_name);
        comm = fopen(path, "re");
        if (comm && fscanf(comm, "%31[^\n]", name) == 1)
            name_add(n, "%s %s", name, e->d_name);
        if (comm)
            fclose(comm);
    }
    if (dir)
        closedir(dir);
}

static void fill(struct wirt *w, struct wirt_holder *h, uint32_t id, uint64_t grants)
{
    char *name = wirt_store_read(w, "/local/domain/%u/name", id);

    memset(h, 0, sizeof(*h));
    h->id = id;
    h->grants = grants;
    snprintf(h->name, sizeof(h->name), "%s", name && name[0] ? name : id ? "(unnamed)" : "Domain-0");
    free(name);
}

static void fill_dom0(struct wirt_holder *h, uint32_t domid, uint64_t frames)
{
    struct names n = {.text = h->by, .size = sizeof(h->by)};

    h->frames = frames;
    if (h->grants) {
        add_backends(&n, domid);
        add_programs(&n, "/xen/gntdev");
    }
    if (frames)
        add_programs(&n, "/xen/privcmd");
}

static bool ask(struct wirt *w, uint32_t domid, uint32_t user, struct wirt_domctl_uses *u)
{
    struct xen_domctl op = {0};

    u->user = (unsigned short)user;
    memcpy(&op.u, u, sizeof(*u));
    if (hyper_domctl(w, WIRT_DOMCTL_uses, domid, &op) < 0)
        return false;
    memcpy(u, &op.u, sizeof(*u));
    return true;
}

/* Domains that there are, in hyper_data's arena no longer; *count of them. */
static uint32_t *all_domains(struct wirt *w, size_t *count)
{
    struct xen_domctl_getdomaininfo *info;
    uint32_t *all = NULL, *more, n = 0, first = 0;

    *count = 0;
    do {
        if (domctl_list(w, first, &info, &n) || !(more = realloc(all, (*count + n + 1) * sizeof(*all))))
            break;
        all = more;
        for (uint32_t i = 0; i < n; i++)
            all[(*count)++] = info[i].domain;
        first = n ? all[*count - 1] + 1 : 0;
    } while (n == HYPER_DATA_SIZE / sizeof(*info));
    return all;
}

size_t wirt_holders(struct wirt *w, uint32_t domid, struct wirt_holder **out)
{
    struct wirt_error kept = error_keep(w);
    struct wirt_domctl_uses u = {0};
    uint64_t mapped = 0;
    size_t count, found = 0;
    uint32_t *all = need_call(w) ? NULL : all_domains(w, &count);

    *out = all ? calloc(count + 1, sizeof(**out)) : NULL;
    for (size_t i = count; *out && i-- > 0;) { /* dom0 is the last one: what is left over is its */
        if (!ask(w, domid, all[i], &u))
            continue;
        mapped += u.mappings;
        if (!u.mappings && (all[i] || u.frames <= mapped))
            continue;
        fill(w, &(*out)[found], all[i], u.mappings);
        if (all[i] == 0)
            fill_dom0(&(*out)[found], domid, u.frames > mapped ? u.frames - mapped : 0);
        found++;
    }
    free(all);
    error_restore(w, &kept);
    return found;
}

void holder_text(struct wirt *w, uint32_t domid, char *text, size_t size)
{
    struct wirt_holder *h;
    size_t count = wirt_holders(w, domid, &h), used = 0;

    text[0] = 0;
    for (size_t i = 0; i < count && used < size; i++) {
        char what[80] = "";

        if (h[i].grants)
            snprintf(what, sizeof(what), "maps %lu of its grants%s", h[i].grants, h[i].frames ? " and " : "");
        if (h[i].frames)
            snprintf(what + strlen(what), sizeof(what) - strlen(what), "maps %lu of its frames", h[i].frames);
        used += (size_t)snprintf(text + used, size - used, "%s%s (%u) %s%s%s", used ? "; " : "", h[i].name, h[i].id,
                                 what, h[i].by[0] ? ": " : "", h[i].by);
    }
    free(h);
}
