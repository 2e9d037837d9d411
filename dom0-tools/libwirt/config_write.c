/* SPDX-License-Identifier: MIT */
/*
 * A configuration back into libvirt's XML, of the schema, in the order that libvirt itself writes. Reading it again
 * gives an equal configuration. Nothing is left out because it is the default, so that a file that is kept means the
 * same when defaults change.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"

static void escaped(FILE *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '&')
            fputs("&amp;", out);
        else if (*text == '<')
            fputs("&lt;", out);
        else if (*text == '>')
            fputs("&gt;", out);
        else if (*text == '\'')
            fputs("&apos;", out);
        else if (*text == '\t' || *text == '\n' || *text == '\r')
            fprintf(out, "&#%d;", *text);
        else
            fputc(*text, out);
    }
}

static void element(FILE *out, const char *indent, const char *name, const char *text)
{
    if (!text)
        return;
    fprintf(out, "%s<%s>", indent, name);
    escaped(out, text);
    fprintf(out, "</%s>\n", name);
}

static void attribute(FILE *out, const char *name, const char *text)
{
    fprintf(out, " %s='", name);
    escaped(out, text);
    fputc('\'', out);
}

static void write_cpus(FILE *out, const struct wirt_config *c)
{
    bool is_one = true, is_pinned = false;
    char set[256];

    for (uint32_t i = 0; i < c->max_vcpus; i++) {
        is_one &= c->affinity[i] == c->affinity[0];
        is_pinned |= c->affinity[i] != 0;
    }
    fprintf(out, "  <vcpu placement='static'");
    config_cpus_text(c->affinity[0], set, sizeof(set));
    if (is_one && is_pinned)
        attribute(out, "cpuset", set);
    fprintf(out, " current='%u'>%u</vcpu>\n  <cputune>\n    <shares>%u</shares>\n", c->vcpus, c->max_vcpus, c->weight);
    if (c->cap)
        fprintf(out, "    <global_period>100000</global_period>\n    <global_quota>%u</global_quota>\n", c->cap * 1000);
    for (uint32_t i = 0; i < c->max_vcpus && !is_one; i++) {
        config_cpus_text(c->affinity[i], set, sizeof(set));
        if (c->affinity[i])
            fprintf(out, "    <vcpupin vcpu='%u' cpuset='%s'/>\n", i, set);
    }
    fprintf(out, "  </cputune>\n");
}

static void write_disk(FILE *out, const struct wirt_disk *d)
{
    bool is_block = d->kind == WIRT_DISK_BLOCK;

    fprintf(out, "    <disk type='%s' device='%s'>\n      <driver type='raw'/>\n      <source",
            is_block ? "block" : "file", d->is_cdrom ? "cdrom" : "disk");
    attribute(out, is_block ? "dev" : "file", d->source);
    fprintf(out, "/>\n      <target");
    attribute(out, "dev", d->target);
    fprintf(out, " bus='xen'/>\n%s%s    </disk>\n", d->is_readonly ? "      <readonly/>\n" : "",
            d->is_shareable ? "      <shareable/>\n" : "");
}

static void write_nic(FILE *out, const struct wirt_nic *n)
{
    fprintf(out, "    <interface type='%s'>\n", n->bridge ? "bridge" : "ethernet");
    if (n->has_mac)
        fprintf(out, "      <mac address='%02x:%02x:%02x:%02x:%02x:%02x'/>\n", n->mac[0], n->mac[1], n->mac[2],
                n->mac[3], n->mac[4], n->mac[5]);
    if (n->bridge) {
        fprintf(out, "      <source");
        attribute(out, "bridge", n->bridge);
        fprintf(out, "/>\n");
    }
    if (n->ifname) {
        fprintf(out, "      <target");
        attribute(out, "dev", n->ifname);
        fprintf(out, "/>\n");
    }
    fprintf(out, "    </interface>\n");
}

static void write_domain(FILE *out, const struct wirt_config *c, int domid)
{
    static const char *const actions[] = {"destroy", "restart", "preserve", "rename-restart"};
    char id[24] = "";

    if (domid >= 0)
        snprintf(id, sizeof(id), " id='%d'", domid);
    fprintf(out, "<domain type='xen'%s>\n  <name>%s</name>\n  <uuid>", id, c->name);
    for (unsigned i = 0; i < 16; i++)
        fprintf(out, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "", c->uuid[i]);
    fprintf(out, "</uuid>\n");
    element(out, "  ", "title", c->title);
    element(out, "  ", "description", c->description);
    fprintf(out, "  <memory unit='KiB'>%lu</memory>\n  <currentMemory unit='KiB'>%lu</currentMemory>\n",
            c->max_memory_kib, c->memory_kib);
    write_cpus(out, c);
    fprintf(out, "  <os>\n    <type arch='x86_64' machine='%s'>linux</type>\n", c->is_pvh ? "xenpvh" : "xenpv");
    element(out, "    ", "kernel", c->kernel);
    element(out, "    ", "initrd", c->initrd);
    element(out, "    ", "cmdline", c->cmdline);
    fprintf(out, "  </os>\n  <on_poweroff>%s</on_poweroff>\n  <on_reboot>%s</on_reboot>\n  <on_crash>%s</on_crash>\n",
            actions[c->on_poweroff], actions[c->on_reboot], actions[c->on_crash]);
    fprintf(out, "  <devices>\n");
    for (uint32_t i = 0; i < c->disk_count; i++)
        write_disk(out, &c->disk[i]);
    for (uint32_t i = 0; i < c->nic_count; i++)
        write_nic(out, &c->nic[i]);
    fprintf(out, "    <console type='pty'>\n      <target type='xen' port='0'/>\n    </console>\n");
    fprintf(out, "  </devices>\n</domain>\n");
}

int wirt_config_write(struct wirt *w, const struct wirt_config *c, int domid, char **xml)
{
    size_t bytes;
    FILE *out = open_memstream(xml, &bytes);
    bool is_whole;

    if (out)
        write_domain(out, c, domid);
    is_whole = out && !ferror(out);
    if (out && !fclose(out) && is_whole && *xml)
        return 0;
    free(out ? *xml : NULL);
    *xml = NULL;
    return wirt_fail(w, WIRT_NO_ROOM, c->name, "write the configuration", "", "memory ran out");
}
