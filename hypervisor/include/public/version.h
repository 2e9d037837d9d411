/*
 * SPDX-License-Identifier: MIT
 *
 * xen_version: who the hypervisor is and what it offers. Facts of the Xen 4.17
 * ABI; tests/abi is the referee. The call is also what guests use as a cheap
 * way to have pending events delivered (command 0 with no buffer).
 */
#ifndef WIRT_PUBLIC_VERSION_H
#define WIRT_PUBLIC_VERSION_H

#include "features.h"
#include "xen.h"

#define XENVER_version             0 /* result: major << 16 | minor */
#define XENVER_extraversion        1
#define XENVER_compile_info        2
#define XENVER_capabilities        3
#define XENVER_changeset           4
#define XENVER_platform_parameters 5
#define XENVER_get_features        6
#define XENVER_pagesize            7 /* result: bytes */
#define XENVER_guest_handle        8 /* the caller's UUID */
#define XENVER_commandline         9
#define XENVER_build_id            10

/* Texts below are NUL-terminated within their arrays. */
typedef char xen_extraversion_t[16];
#define XEN_EXTRAVERSION_LEN (sizeof(xen_extraversion_t))

struct xen_compile_info {
    char compiler[64];
    char compile_by[16];
    char compile_domain[32];
    char compile_date[32];
};

typedef char xen_capabilities_info_t[1024]; /* words such as "xen-3.0-x86_64" */
#define XEN_CAPABILITIES_INFO_LEN (sizeof(xen_capabilities_info_t))

typedef char xen_changeset_info_t[64];
#define XEN_CHANGESET_INFO_LEN (sizeof(xen_changeset_info_t))

typedef char xen_commandline_t[1024];

struct xen_platform_parameters {
    xen_ulong_t virt_start;
};

struct xen_feature_info {
    uint32_t submap_idx; /* over XENFEAT_NR_SUBMAPS - 1: -EINVAL */
    uint32_t submap;     /* OUT: bit n is XENFEAT number 32 * submap_idx + n */
};

/* With no buffer the result is the id's length; else len bytes of room in buf. */
struct xen_build_id {
    uint32_t len;
    unsigned char buf[];
};

#endif
