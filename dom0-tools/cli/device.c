/* SPDX-License-Identifier: MIT */
/*
 * Plugging disks and network interfaces in and out.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli.h"
#include "config.h"

/* A small file with one element. */
static char *read_file(struct run *r, const char *path, size_t *bytes)
{
    FILE *file = fopen(path, "re");
    char *text = file ? malloc(65536) : NULL;

    if (text)
        *bytes = fread(text, 1, 65536, file);
    if (!text || ferror(file)) {
        wirt_fail(r->w, errno == ENOENT ? WIRT_NOT_FOUND : WIRT_FAILED, path, "read the device", "", "%m");
        free(text);
        text = NULL;
    }
    if (file)
        fclose(file);
    return text;
}

static int disk_of_file(struct run *r, const char *path, struct wirt_disk *disk)
{
    size_t bytes;
    char *text = read_file(r, path, &bytes);
    int code = text ? wirt_config_read_disk(r->w, path, text, bytes, disk) : (int)wirt_error(r->w)->code;

    free(text);
    return code;
}

/* From the command line; a relative path is made absolute, as the domain outlives this folder. */
static int disk_of_words(struct run *r, struct wirt_disk *disk)
{
    const char *source = r->arguments[1], *target = r->arguments[2], *fault = config_value_fault("@target", target);
    struct stat is;
    char *full;

    if (fault)
        return usage_fail(r, "TARGET is '%.40s', and has to be %s", target, fault);
    full = realpath(source, NULL);
    if (!full || stat(full, &is)) {
        free(full);
        return wirt_fail(r->w, errno == ENOENT ? WIRT_NOT_FOUND : WIRT_FAILED, source, "find the disk", "", "%m");
    }
    disk->source = source[0] == '/' ? strdup(source) : strdup(full);
    free(full);
    disk->target = strdup(target);
    disk->kind = S_ISBLK(is.st_mode) ? WIRT_DISK_BLOCK : WIRT_DISK_FILE;
    disk->is_cdrom = run_choice(r, 'd');
    disk->is_readonly = disk->is_cdrom || run_choice(r, 'r');
    disk->is_shareable = run_choice(r, 's');
    return 0;
}

int run_attach_disk(struct run *r)
{
    struct wirt_disk disk = {0};
    struct wirt_domain d;
    int code = r->count == 2 ? disk_of_file(r, r->arguments[1], &disk) : disk_of_words(r, &disk);

    code = code ? code : find_domain(r, 0, &d);
    code = code ? code : wirt_attach_disk(r->w, d.id, &disk);
    if (!code)
        code = show_done(r,
                         json_pack("{s:i, s:s, s:s, s:o}", "id", (int)d.id, "name", d.name, "target", disk.target,
                                   "source", json_bytes(disk.source, strlen(disk.source))),
                         "domain %s (%u): %s is %s", d.name, d.id, disk.target, disk.source);
    wirt_disk_clear(&disk);
    return code;
}

int run_detach_disk(struct run *r)
{
    const char *target = r->arguments[1];
    struct wirt_domain d;
    int code = find_domain(r, 0, &d);

    code = code ? code : wirt_detach_disk(r->w, d.id, target);
    return code ? code
                : show_done(r, json_pack("{s:i, s:s, s:s}", "id", (int)d.id, "name", d.name, "target", target),
                            "domain %s (%u): %s is unplugged", d.name, d.id, target);
}

static int nic_of_words(struct run *r, struct wirt_nic *nic)
{
    const char *bridge = r->count > 1 ? r->arguments[1] : NULL, *mac = run_choice(r, 'm'), *name = run_choice(r, 'i');

    if (bridge && config_value_fault("@ifname", bridge))
        return usage_fail(r, "BRIDGE is '%.40s', and has to be %s", bridge, config_value_fault("@ifname", bridge));
    if (name && config_value_fault("@ifname", name))
        return usage_fail(r, "--ifname is '%.40s', and has to be %s", name, config_value_fault("@ifname", name));
    nic->has_mac = mac && config_mac(mac, nic->mac);
    if (mac && (!nic->has_mac || nic->mac[0] & 1))
        return usage_fail(r, "--mac is '%.40s', and has to be %s", mac,
                          nic->has_mac ? "one interface's: its first byte is odd, which is a group's"
                                       : config_value_fault("@mac", mac));
    nic->bridge = bridge ? strdup(bridge) : NULL;
    nic->ifname = name ? strdup(name) : NULL;
    return 0;
}

static int nic_of_file(struct run *r, const char *path, struct wirt_nic *nic)
{
    size_t bytes;
    char *text;
    int code;

    if (r->count > 1 || run_choice(r, 'm') || run_choice(r, 'i'))
        return usage_fail(r, "--xml says all: leave BRIDGE, --mac and --ifname away");
    text = read_file(r, path, &bytes);
    code = text ? wirt_config_read_nic(r->w, path, text, bytes, nic) : (int)wirt_error(r->w)->code;
    free(text);
    return code;
}

int run_attach_nic(struct run *r)
{
    const char *file = run_choice(r, 'x');
    struct wirt_nic nic = {0};
    struct wirt_domain d;
    uint32_t index = 0;
    int code = file ? nic_of_file(r, file, &nic) : nic_of_words(r, &nic);

    code = code ? code : find_domain(r, 0, &d);
    code = code ? code : wirt_attach_nic(r->w, d.id, &nic, &index);
    if (!code)
        code = show_done(r, json_pack("{s:i, s:s, s:i}", "id", (int)d.id, "name", d.name, "index", (int)index),
                         "domain %s (%u): network interface %u plugged in", d.name, d.id, index);
    wirt_nic_clear(&nic);
    return code;
}

/* The index of the interface with this MAC, as dom0's side of it says. */
static int nic_by_mac(struct run *r, const struct wirt_domain *d, const char *text, uint64_t *index)
{
    uint8_t mac[6], is[6];
    char object[96];

    if (!config_mac(text, mac))
        return usage_fail(r, "INDEX is '%.40s', and has to be a number or a MAC address", text);
    for (*index = 0; *index < 64; (*index)++) {
        char *found = wirt_store_read(r->w, "/local/domain/0/backend/vif/%u/%lu/mac", d->id, *index);
        bool is_it = found && config_mac(found, is) && !memcmp(mac, is, 6);

        free(found);
        if (is_it)
            return 0;
    }
    snprintf(object, sizeof(object), "domain %s (%u)", d->name, d->id);
    return wirt_fail(r->w, WIRT_NOT_FOUND, object, "find the interface", "", "it has none with the address %s", text);
}

int run_detach_nic(struct run *r)
{
    const char *word = r->arguments[1];
    struct wirt_domain d;
    uint64_t index;
    int code = find_domain(r, 0, &d);

    if (!code && !(config_number(word, &index) && index < 1000))
        code = nic_by_mac(r, &d, word, &index);
    code = code ? code : wirt_detach_nic(r->w, d.id, (uint32_t)index);
    return code ? code
                : show_done(r, json_pack("{s:i, s:s, s:I}", "id", (int)d.id, "name", d.name, "index", index),
                            "domain %s (%u): network interface %lu is unplugged", d.name, d.id, index);
}
