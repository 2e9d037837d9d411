/* SPDX-License-Identifier: MIT */
/*
 * A domain's configuration out of libvirt's XML: what the elements mean once the tree is known to keep the rules, and
 * the conditions that no schema can put: currentMemory within memory, each target and MAC once, a pinned vCPU that
 * exists. A configuration is built whole or not at all.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config.h"
#include "internal.h"

#define MEMORY_KIB_MIN    UINT64_C(1024)
#define MEMORY_KIB_MAX    (UINT64_C(16) << 30) /* 16 TiB */
#define PVGRUB            "/usr/lib/grub-xen/grub-x86_64-xen.bin"
#define PVHGRUB           "/usr/lib/grub-xen/grub-i386-xen_pvh.bin"
#define CMDLINE_BYTES_MAX 1023 /* what start_info has room for, less its end */
#define DISKS_MAX         128u
#define NICS_MAX          32u

void wirt_disk_clear(struct wirt_disk *d)
{
    free(d->source);
    free(d->target);
    *d = (struct wirt_disk){0};
}

void wirt_nic_clear(struct wirt_nic *n)
{
    free(n->bridge);
    free(n->ifname);
    *n = (struct wirt_nic){0};
}

void wirt_config_free(struct wirt_config *c)
{
    if (!c)
        return;
    for (uint32_t i = 0; i < c->disk_count; i++)
        wirt_disk_clear(&c->disk[i]);
    for (uint32_t i = 0; i < c->nic_count; i++)
        wirt_nic_clear(&c->nic[i]);
    free(c->disk);
    free(c->nic);
    free(c->title);
    free(c->description);
    free(c->kernel);
    free(c->initrd);
    free(c->cmdline);
    free(c->notes);
    free(c);
}

/* ---- the parts of a domain ---- */

static int take_name(struct reader *r, const xmlNode *root, struct wirt_config *c)
{
    char *name = config_text(config_child(root, "name")), *uuid = config_text(config_child(root, "uuid"));

    snprintf(c->name, sizeof(c->name), "%s", name);
    if (!uuid || !config_uuid(uuid, c->uuid))
        config_uuid_from_name(c->name, c->uuid);
    free(name);
    free(uuid);
    c->title = config_text(config_child(root, "title"));
    c->description = config_text(config_child(root, "description"));
    return r->code;
}

static uint64_t take_kib(struct reader *r, const xmlNode *node)
{
    char *text = config_text(node), *unit = config_attribute(node, "unit");
    uint64_t value = 0, kib = 0;

    config_number(text, &value);
    if (!config_kib(value, unit ? unit : "KiB", &kib) || kib > MEMORY_KIB_MAX)
        config_fail_text(r, node, "<%s> is more than 16 TiB", (const char *)node->name);
    else if (kib < MEMORY_KIB_MIN)
        config_fail_text(r, node, "<%s> is %lu KiB, less than 1 MiB; without a unit it counts KiB",
                         (const char *)node->name, kib);
    free(text);
    free(unit);
    return kib;
}

static int take_memory(struct reader *r, const xmlNode *root, struct wirt_config *c)
{
    const xmlNode *now = config_child(root, "currentMemory");

    c->max_memory_kib = take_kib(r, config_child(root, "memory"));
    c->memory_kib = now && !r->code ? take_kib(r, now) : c->max_memory_kib;
    if (!r->code && c->memory_kib > c->max_memory_kib)
        return config_fail_text(r, now, "<currentMemory> is %lu KiB, more than the %lu KiB of <memory>", c->memory_kib,
                                c->max_memory_kib);
    return r->code;
}

static int take_cpus(struct reader *r, const xmlNode *node, uint64_t *cpus)
{
    char *text = config_attribute(node, "cpuset");
    const char *fault = text ? config_cpus(text, cpus) : NULL;

    if (fault)
        config_fail_at(r, node, "cpuset", "<%s>: cpuset is '%.40s': %s", (const char *)node->name, text, fault);
    free(text);
    return r->code;
}

static int take_vcpus(struct reader *r, const xmlNode *root, struct wirt_config *c)
{
    const xmlNode *node = config_child(root, "vcpu");
    char *text = config_text(node), *current = config_attribute(node, "current");
    uint64_t most = 1, now, cpus = 0;

    if (text)
        config_number(text, &most);
    now = most;
    if (current)
        config_number(current, &now);
    free(text);
    free(current);
    if (most > WIRT_VCPU_MAX)
        return config_fail_text(r, node, "%lu vCPUs: a domain has 1 to %u", most, WIRT_VCPU_MAX);
    if (now > most)
        return config_fail_at(r, node, "current", "<vcpu>: current is %lu, more than the %lu vCPUs there are", now,
                              most);
    c->max_vcpus = (uint32_t)most;
    c->vcpus = (uint32_t)now;
    if (node)
        take_cpus(r, node, &cpus);
    for (uint32_t i = 0; i < c->max_vcpus; i++)
        c->affinity[i] = cpus;
    return r->code;
}

/* TEXT of a node as a number within [LEAST, MOST]; ABSENT without the node. */
static uint64_t take_number(struct reader *r, const xmlNode *node, uint64_t least, uint64_t most, uint64_t absent)
{
    char *text = config_text(node);
    uint64_t value = absent;

    if (text)
        config_number(text, &value);
    free(text);
    if (node && (value < least || value > most))
        config_fail_text(r, node, "<%s> is %lu: %lu to %lu are possible", (const char *)node->name, value, least, most);
    return value;
}

static int take_pins(struct reader *r, const xmlNode *tune, struct wirt_config *c)
{
    uint32_t seen = 0;

    for (const xmlNode *pin = config_child(tune, "vcpupin"); pin && !r->code; pin = config_next(pin)) {
        char *text = config_attribute(pin, "vcpu");
        uint64_t vcpu = 0;

        config_number(text, &vcpu);
        free(text);
        if (vcpu >= c->max_vcpus)
            return config_fail_at(r, pin, "vcpu", "<vcpupin>: there is no vCPU %lu: they are 0 to %u", vcpu,
                                  c->max_vcpus - 1);
        if (seen >> vcpu & 1)
            return config_fail_at(r, pin, "vcpu", "<vcpupin>: vCPU %lu is pinned above already", vcpu);
        seen |= 1u << vcpu;
        take_cpus(r, pin, &c->affinity[vcpu]);
    }
    return r->code;
}

static int take_tuning(struct reader *r, const xmlNode *root, struct wirt_config *c)
{
    const xmlNode *tune = config_child(root, "cputune");
    const xmlNode *quota = config_child(tune, "global_quota"), *period = config_child(tune, "global_period");
    uint64_t us;

    c->weight = (uint32_t)take_number(r, config_child(tune, "shares"), 1, 65535, 256);
    us = take_number(r, period, 1000, 1000000, 100000);
    if (quota && !r->code) {
        uint64_t share = take_number(r, quota, us / 100, us * WIRT_VCPU_MAX, 0) * 100;

        if (!r->code && share % us)
            return config_fail_text(r, quota, "<global_quota> is %lu.%02lu per cent of a CPU: whole ones are possible",
                                    share / us, share % us * 100 / us);
        c->cap = (uint32_t)(share / us);
    }
    return r->code ? r->code : take_pins(r, tune, c);
}

static int take_os(struct reader *r, const xmlNode *root, struct wirt_config *c)
{
    const xmlNode *os = config_child(root, "os"), *loader = config_child(root, "bootloader");
    const xmlNode *line = config_child(os, "cmdline");
    char *program = config_text(loader);
    const char *base, *grub;

    c->is_pvh = config_has(config_child(os, "type"), "machine", "xenpvh");
    grub = c->is_pvh ? PVHGRUB : PVGRUB;
    c->kernel = config_text(config_child(os, "kernel"));
    c->initrd = config_text(config_child(os, "initrd"));
    c->cmdline = config_text(line);
    for (char *at = c->cmdline; at && *at; at++)
        if (strchr("\t\r\n", *at))
            *at = ' ';
    base = program ? strrchr(program, '/') : NULL;
    base = base ? base + 1 : program;
    if (c->cmdline && strlen(c->cmdline) > CMDLINE_BYTES_MAX)
        config_fail_text(r, line, "<cmdline> has %zu bytes: the guest's start page has room for %u", strlen(c->cmdline),
                         CMDLINE_BYTES_MAX);
    else if (c->initrd && !c->kernel)
        config_fail(r, config_child(os, "initrd"), "<initrd> without <kernel>");
    else if (!c->kernel && program && strcmp(base, "pygrub"))
        config_fail_text(r, loader,
                         "<bootloader> is '%.40s': no program of dom0 looks into a guest's disk; "
                         "pv-grub does it as <kernel>%s</kernel>",
                         program, grub);
    else if (!c->kernel && !config_child(config_child(root, "devices"), "disk"))
        config_fail(r, os, "<os> has no <kernel>, and there is no disk to boot one from");
    else if (!c->kernel) /* what libvirt does with pygrub, done inside the guest */
        c->kernel = config_copy(grub, strlen(grub));
    free(program);
    return r->code;
}

static enum wirt_action take_action(const xmlNode *root, const char *event, enum wirt_action absent)
{
    static const char *const names[] = {"destroy", "restart", "preserve", "rename-restart"};
    char *text = config_text(config_child(root, event));
    enum wirt_action action = absent;

    for (unsigned i = 0; text && i < 4; i++)
        if (!strcmp(text, names[i]))
            action = (enum wirt_action)i;
    free(text);
    return action;
}

/* ---- devices ---- */

static int take_disk(struct reader *r, const xmlNode *node, struct wirt_disk *d)
{
    const xmlNode *source = config_child(node, "source"), *target = config_child(node, "target");
    const char *needed, *other;
    char *stray;

    d->kind = config_has(node, "type", "block") ? WIRT_DISK_BLOCK : WIRT_DISK_FILE;
    needed = d->kind == WIRT_DISK_BLOCK ? "dev" : "file";
    other = d->kind == WIRT_DISK_BLOCK ? "file" : "dev";
    stray = config_attribute(source, other);
    if (stray)
        config_fail_at(r, source, other, "<source>: a disk of type '%s' names its source by %s",
                       d->kind == WIRT_DISK_BLOCK ? "block" : "file", needed);
    free(stray);
    d->source = config_attribute(source, needed);
    d->target = config_attribute(target, "dev");
    d->is_cdrom = config_has(node, "device", "cdrom");
    d->is_readonly = d->is_cdrom || config_child(node, "readonly");
    d->is_shareable = config_child(node, "shareable");
    if (!r->code && !d->source)
        return config_fail(r, source, "<source> needs the attribute %s", needed);
    return r->code;
}

/* vifN.M in a dump is the name that the interface got while the domain ran, not one that somebody chose. */
static bool is_made_up(const char *ifname)
{
    unsigned domain, index;
    char rest;

    return sscanf(ifname, "vif%u.%u%c", &domain, &index, &rest) == 2;
}

/* A network is libvirt's name for a bridge. That of "default" is always the same; in a dump the bridge stands beside.
 */
static int take_bridge(struct reader *r, const xmlNode *node, struct wirt_nic *n)
{
    const xmlNode *source = config_child(node, "source");
    char *network = config_attribute(source, "network");

    n->bridge = config_attribute(source, "bridge");
    if (config_has(node, "type", "ethernet")) {
        if (source)
            config_fail(r, source, "<source>: an interface of type 'ethernet' is attached to none");
    } else if (config_has(node, "type", "bridge")) {
        if (network)
            config_fail_at(r, source, "network", "<source>: an interface of type 'bridge' names a bridge");
        else if (!n->bridge)
            config_fail(r, node, "<interface type='bridge'> has no <source bridge='...'/>");
    } else if (!network) {
        config_fail(r, node, "<interface type='network'> has no <source network='...'/>");
    } else if (!n->bridge) {
        if (strcmp(network, "default"))
            config_fail_at(r, source, "network",
                           "<source>: what bridge the network '%.40s' has, only libvirt knows: write "
                           "<interface type='bridge'> and <source bridge='...'/>",
                           network);
        else
            n->bridge = config_copy("virbr0", 6);
    }
    free(network);
    return r->code;
}

static int take_nic(struct reader *r, const xmlNode *node, struct wirt_nic *n)
{
    static const uint8_t none[6];
    const xmlNode *mac = config_child(node, "mac");
    char *address = config_attribute(mac, "address");

    n->has_mac = address && config_mac(address, n->mac);
    free(address);
    if (n->has_mac && (n->mac[0] & 1 || !memcmp(n->mac, none, 6)))
        return config_fail_at(r, mac, "address", "<mac>: %s",
                              n->mac[0] & 1 ? "this is a group's address (the first byte is odd)"
                                            : "all zero is no address");
    n->ifname = config_attribute(config_child(node, "target"), "dev");
    if (n->ifname && is_made_up(n->ifname)) {
        free(n->ifname);
        n->ifname = NULL;
    }
    return take_bridge(r, node, n);
}

static int check_disk_is_new(struct reader *r, const xmlNode *node, const struct wirt_config *c, uint32_t index)
{
    for (uint32_t i = 0; i < index; i++)
        if (!strcmp(c->disk[i].target, c->disk[index].target))
            return config_fail_at(r, config_child(node, "target"), "dev", "<target>: %s is taken by a disk above",
                                  c->disk[i].target);
    return 0;
}

static int check_nic_is_new(struct reader *r, const xmlNode *node, const struct wirt_config *c, uint32_t index)
{
    const struct wirt_nic *n = &c->nic[index];

    for (uint32_t i = 0; i < index; i++) {
        if (n->has_mac && c->nic[i].has_mac && !memcmp(n->mac, c->nic[i].mac, 6))
            return config_fail_at(r, config_child(node, "mac"), "address",
                                  "<mac>: an interface above has the same address");
        if (n->ifname && c->nic[i].ifname && !strcmp(n->ifname, c->nic[i].ifname))
            return config_fail_at(r, config_child(node, "target"), "dev", "<target>: %s is taken by an interface above",
                                  n->ifname);
    }
    return 0;
}

static int take_disks(struct reader *r, const xmlNode *devices, struct wirt_config *c)
{
    c->disk = config_many(DISKS_MAX, sizeof(*c->disk));
    for (const xmlNode *node = config_child(devices, "disk"); node && c->disk && !r->code; node = config_next(node)) {
        uint32_t index = c->disk_count;

        if (index == DISKS_MAX)
            return config_fail(r, node, "more than %u disks", DISKS_MAX);
        c->disk_count++;
        if (!take_disk(r, node, &c->disk[index]))
            check_disk_is_new(r, node, c, index);
    }
    return r->code;
}

static int take_nics(struct reader *r, const xmlNode *devices, struct wirt_config *c)
{
    c->nic = config_many(NICS_MAX, sizeof(*c->nic));
    for (const xmlNode *node = config_child(devices, "interface"); node && c->nic && !r->code;
         node = config_next(node)) {
        uint32_t index = c->nic_count;

        if (index == NICS_MAX)
            return config_fail(r, node, "more than %u interfaces", NICS_MAX);
        c->nic_count++;
        if (!take_nic(r, node, &c->nic[index]))
            check_nic_is_new(r, node, c, index);
    }
    return r->code;
}

/* ---- the doors ---- */

static int take(struct reader *r, const xmlNode *root, struct wirt_config *c)
{
    const xmlNode *devices = config_child(root, "devices");

    c->on_poweroff = take_action(root, "on_poweroff", WIRT_DESTROY);
    c->on_reboot = take_action(root, "on_reboot", WIRT_RESTART);
    c->on_crash = take_action(root, "on_crash", WIRT_DESTROY);
    if (take_name(r, root, c) || take_memory(r, root, c) || take_vcpus(r, root, c) || take_tuning(r, root, c) ||
        take_os(r, root, c) || take_disks(r, devices, c) || take_nics(r, devices, c))
        return r->code;
    if (!c->disk || !c->nic || !c->kernel)
        return wirt_fail(r->w, WIRT_NO_ROOM, r->origin, "read the configuration", "", "memory ran out");
    return 0;
}

int wirt_config_read(struct wirt *w, const char *origin, const char *xml, size_t bytes, struct wirt_config **out)
{
    struct reader r = {.w = w, .origin = origin, .text = xml, .bytes = bytes};
    struct wirt_config *c = calloc(1, sizeof(*c));
    xmlDoc *doc = c ? config_parse(&r, &config_domain) : NULL;
    int code;

    *out = NULL;
    if (!c)
        return wirt_fail(w, WIRT_NO_ROOM, origin, "read the configuration", "", "memory ran out");
    if (doc)
        take(&r, xmlDocGetRootElement(doc), c);
    code = config_memory_end(&r);
    c->notes = r.notes;
    xmlFreeDoc(doc);
    if (code)
        wirt_config_free(c);
    else
        *out = c;
    return code;
}

int wirt_config_read_disk(struct wirt *w, const char *origin, const char *xml, size_t bytes, struct wirt_disk *out)
{
    struct reader r = {.w = w, .origin = origin, .text = xml, .bytes = bytes};
    xmlDoc *doc = config_parse(&r, &config_disk);

    *out = (struct wirt_disk){0};
    if (doc)
        take_disk(&r, xmlDocGetRootElement(doc), out);
    if (config_memory_end(&r))
        wirt_disk_clear(out);
    xmlFreeDoc(doc);
    free(r.notes);
    return r.code;
}

int wirt_config_read_nic(struct wirt *w, const char *origin, const char *xml, size_t bytes, struct wirt_nic *out)
{
    struct reader r = {.w = w, .origin = origin, .text = xml, .bytes = bytes};
    xmlDoc *doc = config_parse(&r, &config_nic);

    *out = (struct wirt_nic){0};
    if (doc)
        take_nic(&r, xmlDocGetRootElement(doc), out);
    if (config_memory_end(&r))
        wirt_nic_clear(out);
    xmlFreeDoc(doc);
    free(r.notes);
    return r.code;
}

/* At most one byte more than a configuration may have. */
static char *read_whole(FILE *file, size_t *bytes)
{
    char *text = malloc(CONFIG_BYTES_MAX + 1);

    if (text)
        *bytes = fread(text, 1, CONFIG_BYTES_MAX + 1, file);
    return text;
}

int wirt_config_read_file(struct wirt *w, const char *path, struct wirt_config **out)
{
    bool is_stdin = !strcmp(path, "-");
    int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    FILE *file;
    size_t bytes = 0;
    char *text;
    struct stat is;
    int code;

    *out = NULL;
    if (fd >= 0 && !is_stdin && !fstat(fd, &is) && S_ISDIR(is.st_mode)) {
        close(fd);
        fd = -1;
        errno = EISDIR;
    }
    if (fd < 0)
        return fail_errno(w, errno == ENOENT ? WIRT_NOT_FOUND : WIRT_FAILED, path, "read the configuration", "",
                          "it cannot be opened");
    file = is_stdin ? stdin : fdopen(fd, "r");
    text = file ? read_whole(file, &bytes) : NULL;
    if (!text || ferror(file))
        code = fail_errno(w, WIRT_FAILED, path, "read the configuration", "", "it cannot be read");
    else
        code = wirt_config_read(w, is_stdin ? "standard input" : path, text, bytes, out);
    free(text);
    if (file && !is_stdin)
        fclose(file);
    return code;
}
