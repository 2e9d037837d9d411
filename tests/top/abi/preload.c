/* SPDX-License-Identifier: MIT */
/*
 * A hypervisor that speaks something else, before libxencall: PLAYS=interface refuses the version of sysctl and domctl
 * as Xen does, PLAYS=statistics answers all, and its statistics have a version of their own.
 */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <xen/xen.h>
#include <xen/sysctl.h>

#include "public/wirt.h"

void *xencall_open(void *logger, unsigned int flags)
{
    static int here;

    return &here;
}
int xencall_close(void *handle)
{
    return 0;
}
void *xencall_alloc_buffer_pages(void *handle, size_t pages)
{
    return calloc(pages, 4096);
}
void xencall_free_buffer_pages(void *handle, void *at, size_t pages)
{
    free(at);
}

int xencall1(void *handle, unsigned int number, uint64_t argument)
{
    struct xen_sysctl *op = (void *)(uintptr_t)argument;
    struct wirt_sysctl_statistics a = {.version = 99};

    if (strcmp(getenv("PLAYS"), "interface") == 0) {
        errno = EACCES;
        return -1;
    }
    if (number == __HYPERVISOR_sysctl && op->cmd == WIRT_SYSCTL_statistics)
        memcpy(&op->u, &a, sizeof(a));
    return 0;
}
