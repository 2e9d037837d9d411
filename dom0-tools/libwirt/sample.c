/* SPDX-License-Identifier: MIT */
/*
 * Taking a sample. The list of domains comes from domctl, as under any hypervisor; under Wirt the statistics add what
 * it does not have. Their frames are mapped as they appear and never unmapped before the end; a record is copied
 * until its version was the same, and even, before and behind it. Names are asked of xenstore for domains that are new
 * and for some of the others each time, as a name may change.
 */
#include "sample.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "batch.h"
#include "domctl.h"
#include "public/wirt.h"

#define FRAMES_MOST  4096
#define NAMES_A_TIME 32  /* asked together, and so many again */
#define TRIES        100 /* at a record that changes */
#define PER_FRAME    (4096 / sizeof(struct wirt_stat))

_Static_assert(SAMPLE_EVENTS == WIRT_STAT_EVENTS && SAMPLE_CALLS == WIRT_STAT_CALLS &&
                   SAMPLE_LATENCIES == WIRT_STAT_LATENCIES,
               "as the statistics have them");

struct known { /* by id */
    uint8_t uuid[16];
    char name[WIRT_NAME_MAX + 1]; /* empty: not asked yet */
};
struct sampler {
    struct wirt *w;
    char root[200];
    bool has_none;                            /* the hypervisor has no statistics */
    bool has_no_names;                        /* xenstored does not answer */
    unsigned int wants;                       /* SAMPLE_* */
    const struct wirt_stat *map[FRAMES_MOST]; /* each frame; several may be one mapping */
    uint32_t maps;
    struct known *known;
    uint32_t knows, next_asked;
    struct sample_scan scan;
    uint64_t now; /* of the hypervisor's clock, at the last call */
};

struct sampler *sampler_open(struct wirt *w, const char *root)
{
    struct sampler *s = calloc(1, sizeof(*s));

    if (s) {
        s->w = w;
        snprintf(s->root, sizeof(s->root), "%s", root);
    }
    return s;
}

void sampler_close(struct sampler *s)
{
    if (!s)
        return;
    for (uint32_t i = 0; i < s->maps; i++)
        munmap((void *)(uintptr_t)s->map[i], 4096);
    free(s->known);
    free(s);
}

void sampler_want(struct sampler *s, unsigned int what)
{
    s->wants = what;
}
bool sampler_has_names(const struct sampler *s)
{
    return !s->has_no_names;
}

/* ---- names ---- */

static void set_name(const struct sampler *s, uint64_t id, char *name)
{
    struct known *k = &s->known[id];

    if (!s->has_no_names || !k->name[0]) /* else it keeps the one that it had */
        snprintf(k->name, sizeof(k->name), "%s", name && name[0] ? name : id ? "(unnamed)" : "Domain-0");
    for (char *c = k->name; *c; c++)
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = '?';
    free(name);
}

static void ask_names(struct sampler *s, const uint64_t *id, size_t count)
{
    char path[NAMES_A_TIME][40], *name[NAMES_A_TIME] = {0};
    const char *paths[NAMES_A_TIME];

    for (size_t i = 0; i < count; i++) {
        snprintf(path[i], sizeof(path[i]), "/local/domain/%lu/name", id[i]);
        paths[i] = path[i];
    }
    if (count && !s->has_no_names)
        s->has_no_names = batch_read(s->w, paths, name, count) != 0;
    for (size_t i = 0; i < count; i++)
        set_name(s, id[i], name[i]);
}

static bool know_all(struct sampler *s, uint64_t last)
{
    struct known *k = last < s->knows ? s->known : realloc(s->known, (last + 1) * sizeof(*k));

    if (!k)
        return false;
    s->known = k;
    if (last >= s->knows) {
        memset(k + s->knows, 0, (last + 1 - s->knows) * sizeof(*k));
        s->knows = (uint32_t)last + 1;
    }
    return true;
}

/* Of domains that are new, and of some of the others, in turn; many with one question. */
static void name_domains(struct sampler *s, struct sample *out)
{
    struct wirt_error kept = error_keep(s->w);
    uint64_t id[NAMES_A_TIME];
    size_t count = 0;

    s->has_no_names = false; /* it may be back */
    if (!out->domains || !know_all(s, out->domain[out->domains - 1].id))
        return;
    for (size_t i = 0; i < out->domains; i++) {
        struct known *k = &s->known[out->domain[i].id];
        bool is_new = memcmp(k->uuid, out->domain[i].uuid, 16) != 0;

        if (is_new)
            *k = (struct known){.name = ""};
        memcpy(k->uuid, out->domain[i].uuid, 16);
        if (is_new || !k->name[0] || i - s->next_asked < NAMES_A_TIME)
            id[count++] = out->domain[i].id;
        if (count == NAMES_A_TIME || i + 1 == out->domains) {
            ask_names(s, id, count);
            count = 0;
        }
    }
    for (size_t i = 0; i < out->domains; i++)
        memcpy(out->domain[i].name, s->known[out->domain[i].id].name, sizeof(out->domain[i].name));
    s->next_asked = s->next_asked + NAMES_A_TIME < out->domains ? s->next_asked + NAMES_A_TIME : 0;
    error_restore(s->w, &kept);
}

/* ---- the list of domains ---- */

static void fill(struct sample_domain *d, const struct xen_domctl_getdomaininfo *i)
{
    d->id = i->domain;
    memcpy(d->uuid, i->handle, sizeof(d->uuid));
    d->state = domctl_state(i);
    d->reason = i->flags >> XEN_DOMINF_shutdownshift & XEN_DOMINF_shutdownmask;
    d->is_control = i->domain == 0;
    d->is_assisted = (i->flags & XEN_DOMINF_hvm_guest) != 0;
    d->vcpus = i->nr_online_vcpus;
    d->max_vcpus = i->max_vcpu_id + 1;
    d->memory_kib = i->tot_pages * 4;
    d->max_memory_kib = i->max_pages > UINT64_MAX / 4096 ? UINT64_MAX : i->max_pages * 4;
    d->cpu_ns = i->cpu_time;
}

static int add_domains(struct sampler *s, struct sample *out)
{
    struct xen_domctl_getdomaininfo *info;
    uint32_t n, first = 0;

    do {
        int code = domctl_list(s->w, first, &info, &n);
        struct sample_domain *more = code ? NULL : realloc(out->domain, (out->domains + n + 1) * sizeof(*more));

        if (!more)
            return code ? code : wirt_fail(s->w, WIRT_NO_ROOM, "dom0", "list domains", "", "it is out of memory");
        out->domain = more;
        memset(more + out->domains, 0, (n + 1) * sizeof(*more));
        for (uint32_t i = 0; i < n; i++)
            fill(&more[out->domains++], &info[i]);
        first = n ? (uint32_t)more[out->domains - 1].id + 1 : 0;
    } while (n == HYPER_DATA_SIZE / sizeof(*info));
    name_domains(s, out);
    return 0;
}

static bool runs(const struct sample *s, const char *name)
{
    for (size_t i = 0; i < s->domains; i++)
        if (strcmp(s->domain[i].name, name) == 0)
            return true;
    return false;
}

/* Those that are defined and do not run, behind the others. There may be none that can be read: no fault here. */
static void add_defined(struct sampler *s, struct sample *out)
{
    struct wirt_error kept = error_keep(s->w);
    size_t count = 0, running = out->domains;
    char **names = NULL;
    struct sample_domain *more;

    if (wirt_defined_list(s->w, &names, &count))
        count = 0;
    more = count ? realloc(out->domain, (out->domains + count) * sizeof(*more)) : NULL;
    if (more)
        out->domain = more;
    for (size_t i = 0; more && i < count; i++) {
        struct sample so_far = {.domain = more, .domains = running};
        if (runs(&so_far, names[i]))
            continue;
        memset(&more[out->domains], 0, sizeof(*more));
        more[out->domains].id = SAMPLE_NO_ID;
        more[out->domains].state = WIRT_SHUTDOWN;
        snprintf(more[out->domains++].name, sizeof(more->name), "%s", names[i]);
    }
    for (size_t i = 0; i < count; i++)
        free(names[i]);
    free(names);
    error_restore(s->w, &kept);
}

/* ---- statistics ---- */

/* Maps the frames that came since the last time. */
static int map_frames(struct sampler *s, const uint64_t *frames, uint32_t count)
{
    int code = need_memory(s->w);
    uint32_t n = count - s->maps;
    xen_pfn_t pfns[64];
    char *at;

    while (!code && s->maps < count) {
        n = count - s->maps < 64 ? count - s->maps : 64;
        for (uint32_t i = 0; i < n; i++)
            pfns[i] = frames[s->maps + i];
        at = xenforeignmemory_map(s->w->memory, DOMID_XEN, PROT_READ, n, pfns, NULL);
        if (!at)
            return fail_errno(s->w, WIRT_FAILED, "hypervisor", "map its statistics", "see wirt dmesg",
                              "%u frames from number 0x%lx on", n, pfns[0]);
        for (uint32_t i = 0; i < n; i++)
            s->map[s->maps++] = (const struct wirt_stat *)(const void *)(at + i * 4096);
    }
    return code;
}

static int ask_statistics(struct sampler *s)
{
    struct xen_sysctl op = {0};
    struct wirt_sysctl_statistics a = {.frames = 0, .room = FRAMES_MOST};
    uint64_t *frames;
    int code = need_call(s->w), rc;

    if (code)
        return code;
    frames = hyper_data(s->w);
    a.frames = (uintptr_t)frames;
    memcpy(&op.u, &a, sizeof(a));
    rc = hyper_sysctl(s->w, WIRT_SYSCTL_statistics, &op);
    s->has_none = rc == -ENOSYS;
    if (rc)
        return s->has_none ? 0 : hyper_fail(s->w, rc, "hypervisor", "refresh the statistics", "%s", "");
    memcpy(&a, &op.u, sizeof(a));
    if (a.version != WIRT_STAT_VERSION || a.room > FRAMES_MOST)
        return wirt_fail(s->w, WIRT_NO_HOST, "hypervisor", "read its statistics",
                         "install hypervisor and tools together",
                         "it speaks version %u of them, with %u frames; this tool knows version %u, with %u at most",
                         a.version, a.room, WIRT_STAT_VERSION, FRAMES_MOST);
    s->now = a.now;
    return map_frames(s, frames, a.room);
}

/* As it was at one moment; false: free, or always being written. */
static bool copy_record(const struct wirt_stat *from, struct wirt_stat *to)
{
    for (unsigned int i = 0; i < TRIES; i++) {
        uint32_t version = __atomic_load_n(&from->version, __ATOMIC_ACQUIRE);
        memcpy(to, from, sizeof(*to));
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
        if (!(version & 1) && version == __atomic_load_n(&from->version, __ATOMIC_RELAXED))
            return to->kind != WIRT_STAT_FREE;
    }
    return false;
}

static void take_domain(const struct sampler *s, struct sample *out, const struct wirt_stat *r)
{
    const struct wirt_stat_domain *from = &r->u.domain;
    struct sample_domain *d = sample_find(out, r->domain);

    if (!d) /* made since the list was */
        return;
    d->is_control = (from->flags & WIRT_STAT_CONTROL) != 0;
    d->is_assisted = (from->flags & WIRT_STAT_ASSISTED) != 0;
    d->weight = from->weight;
    d->cap = from->cap;
    d->age_ns = s->now > from->created ? s->now - from->created : 0;
    d->ports = from->ports;
    d->port_limit = from->port_limit;
    d->grants = from->grants;
    d->grant_limit = from->grant_frame_limit * 512ul;
    d->maps = from->maps;
    d->map_limit = from->map_limit;
    for (unsigned int i = 0; i < 4; i++)
        d->tables_kib[i] = from->tables[i] * 4ul;
}

static void take_vcpu(const struct sampler *s, struct sample_vcpu *v, const struct wirt_stat *r)
{
    const struct wirt_stat_vcpu *from = &r->u.vcpu;
    uint64_t time[4], since = s->now > from->since ? s->now - from->since : 0;

    memcpy(time, from->time, sizeof(time));
    time[from->state & 3] += since;
    *v = (struct sample_vcpu){
        r->domain, r->id, r->cpu, from->state & 3, time[0], time[1], time[2], time[3], from->affinity, {0}, {0}, {0}};
    memcpy(v->event, from->event, sizeof(v->event));
    memcpy(v->call, from->call, sizeof(v->call));
    memcpy(v->latency, from->latency, sizeof(v->latency));
}

static int by_domain(const void *a, const void *b)
{
    const struct sample_vcpu *x = a, *y = b;
    uint64_t left = x->domain << 32 | x->id, right = y->domain << 32 | y->id;

    return left < right ? -1 : left > right;
}
static int by_id(const void *a, const void *b)
{
    const struct sample_cpu *x = a, *y = b;

    return x->id < y->id ? -1 : x->id > y->id;
}

static int add_statistics(struct sampler *s, struct sample *out)
{
    struct wirt_stat r;

    out->vcpu = calloc(s->maps * PER_FRAME + 1, sizeof(*out->vcpu));
    out->cpu = calloc(s->maps * PER_FRAME + 1, sizeof(*out->cpu));
    if (!out->vcpu || !out->cpu)
        return wirt_fail(s->w, WIRT_NO_ROOM, "dom0", "read the statistics", "", "it is out of memory");
    for (size_t i = 0; i < s->maps * PER_FRAME; i++) {
        if (!copy_record(&s->map[i / PER_FRAME][i % PER_FRAME], &r))
            continue;
        if (r.kind == WIRT_STAT_VCPU)
            take_vcpu(s, &out->vcpu[out->vcpus++], &r);
        else if (r.kind == WIRT_STAT_DOMAIN)
            take_domain(s, out, &r);
        else if (r.kind == WIRT_STAT_CPU)
            out->cpu[out->cpus++] = (struct sample_cpu){r.id, r.u.cpu.idle, r.u.cpu.interrupts_timer,
                                                        r.u.cpu.interrupts_cpu, r.u.cpu.interrupts_device};
        else if (r.kind == WIRT_STAT_HOST)
            out->tables_kib = (r.u.host.bytes_tables + r.u.host.bytes_objects) / 1024;
    }
    qsort(out->vcpu, out->vcpus, sizeof(*out->vcpu), by_domain);
    qsort(out->cpu, out->cpus, sizeof(*out->cpu), by_id);
    out->has_statistics = true;
    return 0;
}

int sampler_take(struct sampler *s, struct sample *out)
{
    struct wirt_host host;
    struct timespec t;
    int code;

    memset(out, 0, sizeof(*out));
    code = wirt_host_info(s->w, &host);
    if (!code && !s->has_none)
        code = ask_statistics(s);
    clock_gettime(CLOCK_BOOTTIME, &t);
    out->at_ns = (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
    code = code ? code : add_domains(s, out);
    if (!code && !s->has_none)
        code = add_statistics(s, out);
    if (!code && s->wants & SAMPLE_CHANNELS)
        code = sample_channels(s->w, out);
    if (!code && s->wants & SAMPLE_MAPPINGS && !s->has_none)
        code = sample_mappings(s->w, out);
    if (!code && s->wants & SAMPLE_USES && !s->has_none)
        code = sample_uses(s->w, &s->scan, out);
    if (code) {
        sample_clear(out);
        return code;
    }
    out->memory_kib = host.memory_kib;
    out->free_kib = host.free_kib;
    out->claimed_kib = host.claimed_kib;
    out->cpu_khz = host.cpu_khz;
    sample_backends(s->root, out);
    add_defined(s, out);
    return 0;
}
