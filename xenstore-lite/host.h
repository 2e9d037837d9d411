/* SPDX-License-Identifier: MIT */
/* The machine below the daemon: other domains' pages, event channels, and who lives. host.c does it with Xen's
 * libraries; the tests link another one that plays the machine with files. */
#ifndef HOST_H
#define HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct xenstore_domain_interface;
struct host_domain {
    uint32_t domid;
    bool is_dying, is_shutdown;
    uint8_t handle[16];
};

/* False: no hypervisor here, or not its control domain; why says which. */
bool host_open(char *why, size_t size);
int host_fd(void);    /* readable: events are pending */
int host_next(void);  /* a port with an event, which may come again from now on; -1: none */
int host_alarm(void); /* the port that rings when a domain has shut down or died; -1: none */

/* NULL: errno. own: dom0's page, and the port its kernel waits on. */
struct xenstore_domain_interface *host_map_own(uint32_t *remote_port);
struct xenstore_domain_interface *host_map(uint32_t domid, uint64_t mfn);
void host_unmap(struct xenstore_domain_interface *page);
int host_bind(uint32_t domid, uint32_t remote_port); /* our port, or -1 and errno */
void host_unbind(int port);
void host_notify(int port);

/* All domains with id >= first, by id, at most max. -1: errno. */
long host_domains(uint32_t first, struct host_domain *out, size_t max);

#endif
