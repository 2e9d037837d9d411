/* SPDX-License-Identifier: MIT */
/*
 * xen_version: who Wirt is and what it offers. Command 0 without a buffer is also how Linux has pending
 * events delivered: it must cost nothing. Texts are constants; each reply is zeroed before it is filled.
 */
#include "call/call.h"
#include "call/version.h"
#include "dom/policy.h"
#include "lib/errno.h"
#include "lib/string.h"
#include "public/version.h"

#define VERSION_MAJOR 4u
#define VERSION_MINOR 17u
#define VERSION_EXTRA ".0-wirt"

__sealed char version_command_line[sizeof(xen_commandline_t)];

/* Send `text` in a field of `size` bytes. */
static s64 put_text(guest_ptr to, const char *text, size_t size)
{
    char field[1024] = {0};

    str_copy(field, text, min(size, sizeof(field)));
    return guest_write(to, field, size) ? 0 : -EFAULT;
}

static s64 put_compile_info(guest_ptr to)
{
    struct xen_compile_info info = {0};

    str_copy(info.compiler, "gcc " __VERSION__, sizeof(info.compiler));
    str_copy(info.compile_by, "wirt", sizeof(info.compile_by));
    str_copy(info.compile_domain, "wirt", sizeof(info.compile_domain));
    str_copy(info.compile_date, "reproducible build", sizeof(info.compile_date));
    return guest_put(to, &info) ? 0 : -EFAULT;
}

static s64 get_features(guest_ptr arg)
{
    struct xen_feature_info info;

    if (!guest_get(&info, arg))
        return -EFAULT;
    if (info.submap_idx >= XENFEAT_NR_SUBMAPS)
        return -EINVAL;
    info.submap = 1u << XENFEAT_pae_pgdir_above_4gb | 1u << XENFEAT_mmu_pt_update_preserve_ad |
                  1u << XENFEAT_highmem_assist | 1u << XENFEAT_gnttab_map_avail_bits;
    if (domain_current()->is_privileged)
        info.submap |= 1u << XENFEAT_dom0;
    return guest_put(arg, &info) ? 0 : -EFAULT;
}

static s64 other_command(u64 cmd, guest_ptr arg)
{
    const struct xen_platform_parameters parameters = {.virt_start = HV_START};
    const xen_domain_handle_t handle = {0};
    bool may = policy_check(domain_current(), __HYPERVISOR_xen_version, cmd) == 0;

    switch (cmd) {
    case XENVER_extraversion:
        return put_text(arg, VERSION_EXTRA, XEN_EXTRAVERSION_LEN);
    case XENVER_compile_info:
        return put_compile_info(arg);
    case XENVER_capabilities:
        return put_text(arg, "xen-3.0-x86_64 ", XEN_CAPABILITIES_INFO_LEN);
    case XENVER_changeset:
        return put_text(arg, "wirt", XEN_CHANGESET_INFO_LEN);
    case XENVER_platform_parameters:
        return guest_put(arg, &parameters) ? 0 : -EFAULT;
    case XENVER_get_features:
        return get_features(arg);
    case XENVER_pagesize:
        return guest_is_null(arg) ? (s64)PAGE_SIZE : -EINVAL;
    case XENVER_guest_handle:
        return guest_put(arg, &handle) ? 0 : -EFAULT;
    case XENVER_commandline:
        return put_text(arg, may ? version_command_line : "<denied>", sizeof(xen_commandline_t));
    case XENVER_build_id:
        return may ? -ENODATA : -EPERM;
    default:
        return -ENOSYS;
    }
}

s64 call_xen_version(const struct call_args *args)
{
    if (likely(args->a[0] == XENVER_version))
        return VERSION_MAJOR << 16 | VERSION_MINOR;
    return other_command(args->a[0], guest_at(args->a[1]));
}
