/*
 * SPDX-License-Identifier: MIT
 *
 * memory_op: taking and returning memory, maps of the machine and of a domain,
 * and frames of other domains. Facts of the Xen 4.17 ABI; tests/abi is the
 * referee. Long lists are worked off in pieces: calls that return a count may
 * return less than asked. Order n means 2^n contiguous frames.
 */
#ifndef WIRT_PUBLIC_MEMORY_H
#define WIRT_PUBLIC_MEMORY_H

#include "physdev.h"
#include "xen.h"

#define XENMEM_increase_reservation       0 /* result: extents done */
#define XENMEM_decrease_reservation       1 /* result: extents done */
#define XENMEM_maximum_ram_page           2 /* result: highest RAM frame of the machine */
#define XENMEM_current_reservation        3 /* result: frames a domain has */
#define XENMEM_maximum_reservation        4 /* result: frames a domain may have */
#define XENMEM_machphys_mfn_list          5
#define XENMEM_populate_physmap           6 /* result: extents done */
#define XENMEM_add_to_physmap             7
#define XENMEM_memory_map                 9
#define XENMEM_machine_memory_map         10
#define XENMEM_exchange                   11
#define XENMEM_machphys_mapping           12
#define XENMEM_set_memory_map             13
#define XENMEM_maximum_gpfn               14 /* result: highest pfn a domain uses */
#define XENMEM_remove_from_physmap        15
#define XENMEM_set_pod_target             16
#define XENMEM_get_pod_target             17
#define XENMEM_get_sharing_freed_pages    18
#define XENMEM_get_sharing_shared_pages   19
#define XENMEM_paging_op                  20
#define XENMEM_access_op                  21
#define XENMEM_sharing_op                 22
#define XENMEM_add_to_physmap_batch       23
#define XENMEM_claim_pages                24
#define XENMEM_machphys_compat_mfn_list   25
#define XENMEM_get_vnumainfo              26
#define XENMEM_reserved_device_memory_map 27
#define XENMEM_acquire_resource           28

/* mem_flags: bits 0-7 address width limit, 8-15 node + 1, then single flags. */
#define XENMEMF_address_bits(x)     (x)
#define XENMEMF_get_address_bits(x) ((x)&0xffu)
#define XENMEMF_node(x)             (((x) + 1) << 8)
#define XENMEMF_get_node(x)         ((((x) >> 8) - 1) & 0xffu)
#define XENMEMF_populate_on_demand  (1u << 16)
#define XENMEMF_exact_node_request  (1u << 17)
#define XENMEMF_exact_node(n)       (XENMEMF_node(n) | XENMEMF_exact_node_request)
#define XENMEMF_vnode               (1u << 18)

struct xen_memory_reservation {
    xen_guest_va_t extent_start; /* array of xen_pfn_t, one per extent */
    xen_ulong_t nr_extents;
    uint32_t extent_order;
    uint32_t mem_flags; /* XENMEMF_* */
    domid_t domid;
};

/* Gives the frames of "in" back and takes as many in "out"; both name the caller. */
struct xen_memory_exchange {
    struct xen_memory_reservation in;
    struct xen_memory_reservation out;
    xen_ulong_t nr_exchanged; /* in: 0; OUT: input extents done */
};

struct xen_memory_domain {
    domid_t domid;
};

struct xen_machphys_mfn_list {
    uint32_t max_extents;
    xen_guest_va_t extent_start; /* array of xen_pfn_t: one frame per 2 MiB of M2P */
    uint32_t nr_extents;         /* OUT */
};

struct xen_machphys_mapping {
    xen_ulong_t v_start; /* virtual bounds of the M2P table */
    xen_ulong_t v_end;
    xen_ulong_t max_mfn; /* last index worth looking at */
};

#define XENMAPSPACE_shared_info  0
#define XENMAPSPACE_grant_table  1
#define XENMAPSPACE_gmfn         2
#define XENMAPSPACE_gmfn_range   3
#define XENMAPSPACE_gmfn_foreign 4
#define XENMAPSPACE_dev_mmio     5

#define XENMAPIDX_grant_table_status 0x80000000u

struct xen_add_to_physmap {
    domid_t domid;
    uint16_t size;  /* frames, for gmfn_range only */
    uint32_t space; /* XENMAPSPACE_* */
    xen_ulong_t idx;
    xen_pfn_t gpfn;
};

struct xen_add_to_physmap_batch {
    domid_t domid;
    uint16_t space;
    uint16_t size; /* entries in each array */
    union {
        domid_t foreign_domid;
        uint16_t res0;
    } u;
    xen_guest_va_t idxs;  /* array of xen_ulong_t */
    xen_guest_va_t gpfns; /* array of xen_pfn_t */
    xen_guest_va_t errs;  /* array of int, OUT */
};

struct xen_remove_from_physmap {
    domid_t domid;
    xen_pfn_t gpfn;
};

/* buffer: packed E820 entries of 20 bytes (u64 address, u64 bytes, u32 type). */
struct xen_memory_map {
    uint32_t nr_entries; /* in: room; OUT: used */
    xen_guest_va_t buffer;
};

struct xen_foreign_memory_map {
    domid_t domid;
    struct xen_memory_map map;
};

struct xen_pod_target {
    uint64_t target_pages;
    uint64_t tot_pages;
    uint64_t pod_cache_pages;
    uint64_t pod_entries;
    domid_t domid;
};

struct xen_reserved_device_memory {
    xen_pfn_t start_pfn;
    xen_ulong_t nr_pages;
};

#define XENMEM_RDM_ALL 1

struct xen_reserved_device_memory_map {
    uint32_t flags;        /* XENMEM_RDM_ALL, or the device below */
    uint32_t nr_entries;   /* in: room; OUT: needed, -ENOBUFS if more */
    xen_guest_va_t buffer; /* array of xen_reserved_device_memory */
    union {
        struct physdev_pci_device pci;
    } dev;
};

#define XENMEM_resource_ioreq_server                0
#define XENMEM_resource_grant_table                 1
#define XENMEM_resource_vmtrace_buf                 2
#define XENMEM_resource_grant_table_id_shared       0
#define XENMEM_resource_grant_table_id_status       1
#define XENMEM_resource_ioreq_server_frame_bufioreq 0
#define XENMEM_resource_ioreq_server_frame_ioreq(n) (1 + (n))

/* With frame_list 0 the answer is the size of the resource, in nr_frames. */
struct xen_mem_acquire_resource {
    domid_t domid;
    uint16_t type; /* XENMEM_resource_* */
    uint32_t id;   /* meaning depends on type */
    uint32_t nr_frames;
    uint32_t pad;              /* must be 0 */
    uint64_t frame;            /* first frame of the resource to map */
    xen_guest_va_t frame_list; /* array of xen_pfn_t */
};

struct xen_vmemrange {
    uint64_t start; /* bytes, guest-physical */
    uint64_t end;
    uint32_t flags;
    uint32_t nid;
};

struct xen_vnuma_topology_info {
    domid_t domid;
    uint16_t pad;
    uint32_t nr_vnodes;
    uint32_t nr_vcpus;
    uint32_t nr_vmemranges;
    union {
        xen_guest_va_t h;
        uint64_t pad;
    } vdistance;
    union {
        xen_guest_va_t h;
        uint64_t pad;
    } vcpu_to_vnode;
    union {
        xen_guest_va_t h;
        uint64_t pad;
    } vmemrange;
};

#endif
