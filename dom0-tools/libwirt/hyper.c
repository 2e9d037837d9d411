/* SPDX-License-Identifier: MIT */
/*
 * The raw hypercalls, and what their error numbers mean. A hypercall must not take a page fault, so its arguments are
 * copied through an arena that libxencall keeps in memory: one page for the argument structure, the rest for what it
 * points to. The arena comes and goes with the handle's way
 * to the hypervisor. Operations that say "call me again"
 * are called again here and nowhere else.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "hyper.h"
#include <xen/hvm/hvm_op.h>

#define ARG_SIZE 4096
_Static_assert(HYPER_ARENA_PAGES * 4096 - ARG_SIZE == HYPER_DATA_SIZE, "the rest of the arena is data");

void *hyper_data(struct wirt *w)
{
    return (char *)w->arena + ARG_SIZE;
}

static long call2(struct wirt *w, unsigned int number, uint64_t cmd, void *arg, size_t size)
{
    void *at = w->arena;
    long result;

    memcpy(at, arg, size);
    result = xencall2L(w->call, number, cmd, (uintptr_t)at);
    if (result < 0)
        return -errno;
    memcpy(arg, at, size);
    return result;
}

/* domctl and sysctl take one argument, and may ask to be called again. */
static int call1(struct wirt *w, unsigned int number, void *arg, size_t size)
{
    void *at = w->arena;
    int result;

    memcpy(at, arg, size);
    do {
        result = xencall1(w->call, number, (uintptr_t)at);
    } while (result < 0 && (errno == EAGAIN || errno == ERESTART));
    if (result < 0)
        return -errno;
    memcpy(arg, at, size);
    return result;
}

int hyper_domctl(struct wirt *w, uint32_t cmd, uint32_t domid, struct xen_domctl *op)
{
    op->cmd = cmd;
    op->interface_version = XEN_DOMCTL_INTERFACE_VERSION;
    op->domain = (domid_t)domid;
    return call1(w, __HYPERVISOR_domctl, op, sizeof(*op));
}

int hyper_sysctl(struct wirt *w, uint32_t cmd, struct xen_sysctl *op)
{
    op->cmd = cmd;
    op->interface_version = XEN_SYSCTL_INTERFACE_VERSION;
    return call1(w, __HYPERVISOR_sysctl, op, sizeof(*op));
}

long hyper_memory(struct wirt *w, unsigned int cmd, void *arg, size_t size)
{
    return call2(w, __HYPERVISOR_memory_op, cmd, arg, size);
}

int hyper_event(struct wirt *w, int cmd, void *arg, size_t size)
{
    return (int)call2(w, __HYPERVISOR_event_channel_op, (uint64_t)cmd, arg, size);
}

int hyper_param(struct wirt *w, uint32_t domid, uint32_t index, uint64_t value)
{
    struct xen_hvm_param op = {.domid = (domid_t)domid, .index = index, .value = value};

    return (int)call2(w, __HYPERVISOR_hvm_op, HVMOP_set_param, &op, sizeof(op));
}

int hyper_version(struct wirt *w, int cmd, void *arg, size_t size)
{
    if (!arg)
        return (int)xencall2L(w->call, __HYPERVISOR_xen_version, (uint64_t)cmd, 0);
    return (int)call2(w, __HYPERVISOR_xen_version, (uint64_t)cmd, arg, size);
}

int hyper_mmuext(struct wirt *w, unsigned int cmd, uint64_t mfn, uint32_t domid)
{
    struct mmuext_op op = {.cmd = cmd, .arg1.mfn = mfn};
    void *at = w->arena;

    memcpy(at, &op, sizeof(op));
    if (xencall4(w->call, __HYPERVISOR_mmuext_op, (uintptr_t)at, 1, 0, domid) < 0)
        return -errno;
    return 0;
}

static const struct {
    int error;
    enum wirt_code code;
    const char *text;
} meanings[] = {
    {EPERM, WIRT_NO_HOST, "the hypervisor does not allow it to this domain"},
    {EACCES, WIRT_NO_HOST,
     "the hypervisor speaks another version of the interface than this tool (domctl and sysctl 21, Xen 4.17)"},
    {ENOSYS, WIRT_NO_HOST, "this hypervisor does not offer it"},
    {EOPNOTSUPP, WIRT_NO_HOST, "this hypervisor does not offer it"},
    {ESRCH, WIRT_NOT_FOUND, "there is no such domain"},
    {ENOENT, WIRT_NOT_FOUND, "there is no such thing"},
    {EEXIST, WIRT_EXISTS, "it exists already"},
    {ENOMEM, WIRT_NO_ROOM, "the hypervisor is out of memory"},
    {ENOSPC, WIRT_NO_ROOM, "a limit of the domain or of the hypervisor is reached"},
    {EINVAL, WIRT_FAILED, "the hypervisor does not accept the values"},
    {EFAULT, WIRT_FAILED, "the hypervisor could not read the tool's memory"},
    {EBUSY, WIRT_FAILED, "it is in use"},
    {E2BIG, WIRT_NO_ROOM, "the answer or the list is too long"},
};

int hyper_fail(struct wirt *w, int error, const char *object, const char *step, const char *cause, ...)
{
    char text[sizeof(w->error.cause)];
    enum wirt_code code = WIRT_FAILED;
    const char *meaning = strerror(-error);
    va_list args;

    va_start(args, cause);
    vsnprintf(text, sizeof(text), cause, args);
    va_end(args);
    for (size_t i = 0; i < sizeof(meanings) / sizeof(meanings[0]); i++)
        if (meanings[i].error == -error) {
            code = meanings[i].code;
            meaning = meanings[i].text;
        }
    return wirt_fail(w, code, object, step, "see wirt dmesg", "%s%s%s", text, text[0] ? ": " : "", meaning);
}
