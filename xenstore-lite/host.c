// SPDX-License-Identifier: MIT
/*
 * The machine, through Xen's own libraries. A domain's page is mapped by its grant 1, which its builder left for us
 * and which keeps working whatever the domain does with the frame's number; only where that grant is missing by the
 * frame itself. Structures of domctl and sysctl are the header's; what we read of them is the domain's id, flags and
 * handle. All of it is let go by the kernel when the process dies, and can be had again by the next one.
 */
#define __XEN_TOOLS__ 1
#include "host.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xencall.h>
#include <xenevtchn.h>
#include <xenforeignmemory.h>
#include <xengnttab.h>
#include <xen/sysctl.h>
#include <xen/io/xs_wire.h>

#define PAGE           4096u
#define LIST           256u
#define BACKEND_DEVICE "/dev/xen/xenbus_backend"
/* _IOC(_IOC_NONE, 'B', 0, 0): the port that the kernel waits on. */
#define BACKEND_PORT _IO('B', 0)

static xencall_handle *call;
static xenevtchn_handle *evtchn;
static xengnttab_handle *gnttab;
static xenforeignmemory_handle *foreign;
static int alarm_port = -1;
static struct list {
    struct xen_sysctl op;
    struct xen_domctl_getdomaininfo info[LIST];
} * list; /* in memory that a hypercall can reach */

/* Pages mapped by grant; others came from foreignmemory. */
static void **granted;
static size_t granted_count;

bool host_open(char *why, size_t size)
{
    call = xencall_open(NULL, 0);
    evtchn = call ? xenevtchn_open(NULL, 0) : NULL;
    if (!call || !evtchn) {
        snprintf(why, size, "%s: %s", call ? "/dev/xen/evtchn" : "/dev/xen/privcmd", strerror(errno));
        return false;
    }
    gnttab = xengnttab_open(NULL, 0);
    foreign = xenforeignmemory_open(NULL, 0);
    list = xencall_alloc_buffer(call, sizeof(*list));
    alarm_port = xenevtchn_bind_virq(evtchn, VIRQ_DOM_EXC);
    if (!list || alarm_port < 0) {
        snprintf(why, size, "VIRQ_DOM_EXC cannot be bound: %s (is another xenstored running?)", strerror(errno));
        return false;
    }
    return fcntl(xenevtchn_fd(evtchn), F_SETFL, O_NONBLOCK) == 0;
}

int host_fd(void)
{
    return xenevtchn_fd(evtchn);
}

int host_next(void)
{
    int port = xenevtchn_pending(evtchn);

    if (port >= 0)
        xenevtchn_unmask(evtchn, (evtchn_port_t)port);
    return port;
}

int host_alarm(void)
{
    return alarm_port;
}

static struct xenstore_domain_interface *map_file(const char *name)
{
    int fd = open(name, O_RDWR | O_CLOEXEC);
    void *page;

    if (fd < 0)
        return NULL;
    page = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    return page == MAP_FAILED ? NULL : page;
}

static bool own_port(uint32_t *port)
{
    int fd = open(BACKEND_DEVICE, O_RDWR | O_CLOEXEC);
    int value = fd >= 0 ? ioctl(fd, BACKEND_PORT) : -1;
    FILE *f;

    if (fd >= 0)
        close(fd);
    if (value <= 0 && (f = fopen("/proc/xen/xsd_port", "re"))) {
        if (fscanf(f, "%d", &value) != 1)
            value = -1;
        fclose(f);
    }
    *port = (uint32_t)value;
    return value > 0;
}

struct xenstore_domain_interface *host_map_own(uint32_t *remote_port)
{
    struct xenstore_domain_interface *page = map_file(BACKEND_DEVICE);

    if (!page)
        page = map_file("/proc/xen/xsd_kva");
    return page && own_port(remote_port) ? page : NULL;
}

struct xenstore_domain_interface *host_map(uint32_t domid, uint64_t mfn)
{
    xen_pfn_t frame = mfn;
    void *page = NULL, **more;
    int error = 0;

    if (gnttab)
        page = xengnttab_map_grant_ref(gnttab, domid, GNTTAB_RESERVED_XENSTORE, PROT_READ | PROT_WRITE);
    if (page) {
        more = realloc(granted, (granted_count + 1) * sizeof(*granted));
        if (!more)
            abort();
        granted = more;
        granted[granted_count++] = page;
        return page;
    }
    if (foreign)
        page = xenforeignmemory_map(foreign, domid, PROT_READ | PROT_WRITE, 1, &frame, &error);
    if (page && error) {
        xenforeignmemory_unmap(foreign, page, 1);
        page = NULL;
        errno = -error;
    }
    return page;
}

void host_unmap(struct xenstore_domain_interface *page)
{
    for (size_t i = 0; i < granted_count; i++)
        if (granted[i] == page) {
            granted[i] = granted[--granted_count];
            xengnttab_unmap(gnttab, page, 1);
            return;
        }
    xenforeignmemory_unmap(foreign, page, 1);
}

int host_bind(uint32_t domid, uint32_t remote_port)
{
    return xenevtchn_bind_interdomain(evtchn, domid, remote_port);
}

void host_unbind(int port)
{
    xenevtchn_unbind(evtchn, (evtchn_port_t)port);
}

void host_notify(int port)
{
    xenevtchn_notify(evtchn, (evtchn_port_t)port);
}

long host_domains(uint32_t first, struct host_domain *out, size_t max)
{
    struct xen_sysctl_getdomaininfolist *arg = &list->op.u.getdomaininfolist;

    memset(list, 0, sizeof(*list));
    list->op.cmd = XEN_SYSCTL_getdomaininfolist;
    list->op.interface_version = XEN_SYSCTL_INTERFACE_VERSION;
    arg->first_domain = (domid_t)first;
    arg->max_domains = max < LIST ? (uint32_t)max : LIST;
    set_xen_guest_handle(arg->buffer, list->info);
    if (xencall1(call, __HYPERVISOR_sysctl, (uint64_t)(uintptr_t)list) < 0)
        return -1;
    for (uint32_t i = 0; i < arg->num_domains && i < max; i++) {
        out[i].domid = list->info[i].domain;
        out[i].is_dying = list->info[i].flags & XEN_DOMINF_dying;
        out[i].is_shutdown = list->info[i].flags & XEN_DOMINF_shutdown;
        memcpy(out[i].handle, list->info[i].handle, sizeof(out[i].handle));
    }
    return arg->num_domains;
}
