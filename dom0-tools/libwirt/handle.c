/* SPDX-License-Identifier: MIT */
/*
 * The handle: five ways out of this process, none of which is opened before it is needed, so that what needs no
 * hypervisor works anywhere. When one cannot be opened, the reason is sought here once, from the outside in: is there a
 * hypervisor with Xen's ABI, is this its dom0, is this root, is the kernel's driver there. Every file descriptor is
 * closed on exec.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hyper.h"

#define WAIT_MS 30000 /* for xenstored and for back ends: WIRT_WAIT in wirt(1) */

struct wirt *wirt_open(void)
{
    struct wirt *w = calloc(1, sizeof(*w));
    const char *seconds = getenv("WIRT_WAIT");
    long patience = seconds ? strtol(seconds, NULL, 10) : 0;

    if (w)
        w->patience_ms = patience > 0 && patience < 1000000 ? (int)patience * 1000 : WAIT_MS;
    return w;
}

void wirt_close(struct wirt *w)
{
    if (!w)
        return;
    if (w->batch_fd > 0)
        close(w->batch_fd);
    if (w->grants)
        xengnttab_close(w->grants);
    if (w->events)
        xenevtchn_close(w->events);
    if (w->memory)
        xenforeignmemory_close(w->memory);
    if (w->arena)
        xencall_free_buffer_pages(w->call, w->arena, HYPER_ARENA_PAGES);
    if (w->call)
        xencall_close(w->call);
    free(w);
}

/* The first word of a small file, empty without one. */
static const char *first_word(const char *path, char *buffer, size_t size)
{
    FILE *file = fopen(path, "re");

    buffer[0] = 0;
    if (!file)
        return buffer;
    if (!fgets(buffer, (int)size, file))
        buffer[0] = 0;
    fclose(file);
    buffer[strcspn(buffer, " \n")] = 0;
    return buffer;
}

/* Why a driver of the kernel cannot be opened; errno is that of the attempt. */
static int no_way(struct wirt *w, const char *step, const char *device, const char *module)
{
    int number = errno;
    char word[64];

    if (strcmp(first_word("/sys/hypervisor/type", word, sizeof(word)), "xen"))
        return wirt_fail(w, WIRT_NO_HOST, "this machine", step, "boot it with Wirt: see wirt(7)",
                         "no hypervisor: /sys/hypervisor/type is %s", word[0] ? word : "not there");
    if (geteuid() != 0)
        return wirt_fail(w, WIRT_NO_HOST, "this user", step, "use sudo", "only root may ask the hypervisor");
    if (access("/proc/xen/capabilities", F_OK) == 0 &&
        !strstr(first_word("/proc/xen/capabilities", word, sizeof(word)), "control_d"))
        return wirt_fail(w, WIRT_NO_HOST, "this domain", step, "run the command in dom0",
                         "it is a guest: only dom0 controls domains");
    errno = number;
    return fail_errno(w, WIRT_NO_HOST, device, step, number == ENOENT ? module : "", "it cannot be opened");
}

int need_call(struct wirt *w)
{
    if (!w->call)
        w->call = xencall_open(NULL, XENCALL_OPENFLAG_NON_REENTRANT);
    if (!w->call)
        return no_way(w, "ask the hypervisor", "/dev/xen/privcmd", "try modprobe xen-privcmd");
    if (!w->arena)
        w->arena = xencall_alloc_buffer_pages(w->call, HYPER_ARENA_PAGES);
    if (!w->arena)
        return fail_errno(w, WIRT_NO_ROOM, "dom0", "ask the hypervisor", "", "no memory for %d pages of arguments",
                          HYPER_ARENA_PAGES);
    return 0;
}

int need_memory(struct wirt *w)
{
    if (!w->memory)
        w->memory = xenforeignmemory_open(NULL, 0);
    if (!w->memory)
        return no_way(w, "map a guest's memory", "/dev/xen/privcmd", "try modprobe xen-privcmd");
    return 0;
}

int need_events(struct wirt *w)
{
    if (!w->events)
        w->events = xenevtchn_open(NULL, 0);
    if (!w->events)
        return no_way(w, "open event channels", "/dev/xen/evtchn", "try modprobe xen-evtchn");
    return 0;
}

int need_grants(struct wirt *w)
{
    if (!w->grants)
        w->grants = xengnttab_open(NULL, 0);
    if (!w->grants)
        return no_way(w, "open the grant device", "/dev/xen/gntdev", "try modprobe xen-gntdev");
    return 0;
}
