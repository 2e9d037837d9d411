/* SPDX-License-Identifier: MIT */
/*
 * xen_version: who Wirt is and what it offers. Command 0 without a buffer is also how Linux has pending
 * events delivered: it must cost nothing. Most replies are constants.
 */
#include "call/call.h"
#include "call/version.h"
#include "lib/errno.h"
#include "public/version.h"

#define VERSION_MAJOR 4u
#define VERSION_MINOR 17u

static const xen_extraversion_t extra_version = ".0-wirt";
static const xen_capabilities_info_t capabilities = "xen-3.0-x86_64 ",
                                     capabilities_assisted = "xen-3.0-x86_64 hvm-3.0-x86_32 hvm-3.0-x86_64 ";
static const xen_changeset_info_t changeset = "wirt";
static const xen_commandline_t denied = "<denied>";
static const struct xen_compile_info compile_info = {"gcc " __VERSION__, "wirt", "wirt", "reproducible build"};
static const struct xen_platform_parameters parameters = {HV_START};

#define REPLY(number, object) [number] = {&(object), sizeof(object)}
static const struct {
    const void *object;
    u64 bytes;
} reply[] = {
    REPLY(XENVER_extraversion, extra_version),
    REPLY(XENVER_compile_info, compile_info),
    REPLY(XENVER_changeset, changeset),
    REPLY(XENVER_platform_parameters, parameters),
};

__sealed char version_command_line[sizeof(xen_commandline_t)];

static s64 get_features(guest_ptr arg)
{
    struct xen_feature_info info;

    if (!guest_get(&info, arg))
        return -EFAULT;
    if (info.submap_idx >= XENFEAT_NR_SUBMAPS)
        return -EINVAL;
    info.submap = 1u << XENFEAT_pae_pgdir_above_4gb | 1u << XENFEAT_mmu_pt_update_preserve_ad |
                  1u << XENFEAT_highmem_assist | 1u << XENFEAT_gnttab_map_avail_bits;
    if (domain_current()->hvm)
        info.submap = 1u << XENFEAT_writable_page_tables | 1u << XENFEAT_auto_translated_physmap |
                      1u << XENFEAT_hvm_callback_vector | 1u << XENFEAT_hvm_safe_pvclock;
    if (domain_current()->is_privileged)
        info.submap |= 1u << XENFEAT_dom0;
    return guest_put(arg, &info) ? 0 : -EFAULT;
}

static s64 other_command(u64 command, guest_ptr arg)
{
    if (command < ARRAY_COUNT(reply) && reply[command].bytes)
        return guest_write(arg, reply[command].object, reply[command].bytes) ? 0 : -EFAULT;
    switch (command) {
    case XENVER_get_features:
        return get_features(arg);
    case XENVER_guest_handle:
        return guest_put(arg, &domain_current()->handle) ? 0 : -EFAULT;
    case XENVER_capabilities: /* with those that start in 32-bit mode: PVH */
        return guest_put(arg, domain_kind[DOMAIN_HVM] ? &capabilities_assisted : &capabilities) ? 0 : -EFAULT;
    case XENVER_pagesize:
        return guest_is_null(arg) ? (s64)PAGE_SIZE : -EINVAL;
    case XENVER_commandline: /* ordinary domains read "<denied>" */
        return guest_put(arg, domain_current()->is_privileged ? &version_command_line : &denied) ? 0 : -EFAULT;
    case XENVER_build_id: /* there is none */
        return -ENODATA;
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
