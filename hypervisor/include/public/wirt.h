/*
 * SPDX-License-Identifier: MIT
 *
 * What Wirt answers beside Xen's ABI: commands under numbers that Xen 4.17 does
 * not use, for the tools of the control domain. Another hypervisor says -ENOSYS.
 */
#ifndef WIRT_PUBLIC_WIRT_H
#define WIRT_PUBLIC_WIRT_H

/* domctl: what keeps the frames of `domain`, dying ones above all. */
#define WIRT_DOMCTL_uses 128
struct wirt_domctl_uses {
    unsigned short user; /* IN: a domain that may map its grants; -ESRCH: there is none */
    unsigned short pad[3];
    unsigned long mappings; /* OUT: how many grants of it the user maps now, */
    unsigned long frames;   /* and how many frames it still has, whoever holds them */
};

/* domctl: the grants of others that `domain` maps, one by one, a piece at a time. */
#define WIRT_DOMCTL_mappings 129
struct wirt_domctl_mappings {
    unsigned long list; /* IN: an array of struct wirt_mapping to be filled */
    unsigned int room;  /* IN: of how many elements; OUT: how many were filled, perhaps none before the end */
    unsigned int next;  /* IN: 0 at first; OUT: for the next call; 0: that was all */
};
#define WIRT_MAPPING_readonly 1u
#define WIRT_MAPPING_device   2u /* for devices, without a page of its own */
struct wirt_mapping {
    unsigned short granter;
    unsigned short flags;
    unsigned int ref; /* of the granter's table */
    unsigned long frame;
};

/*
 * sysctl: the statistics. They lie in records of 1024 bytes, four to a frame; the frames can be mapped for reading as
 * DOMID_XEN's, once, and new ones only join at the end. Times and counts of vCPUs are there as they happen; what is
 * said of domains, CPUs and the machine is what it was at the last call.
 */
#define WIRT_SYSCTL_statistics 129
#define WIRT_STAT_VERSION      1
struct wirt_sysctl_statistics {
    unsigned long frames; /* IN: an array of 64-bit frame numbers to be filled; 0: none */
    unsigned int room;    /* IN: of how many elements; OUT: how many frames there are */
    unsigned int version; /* OUT: of the layout below */
    unsigned long now;    /* OUT: the hypervisor's clock, ns */
};

/* kind of a record */
#define WIRT_STAT_FREE   0
#define WIRT_STAT_HOST   1
#define WIRT_STAT_CPU    2
#define WIRT_STAT_DOMAIN 3
#define WIRT_STAT_VCPU   4

/* Why a vCPU was left. Of what a program raises and its own kernel handles, Wirt's short ways count nothing. */
#define WIRT_EVENT_page_fault     0 /* PV: that took the long way, a kernel's own above all */
#define WIRT_EVENT_table_write    1 /* of these: a store to a page table, done for the guest */
#define WIRT_EVENT_protection     2 /* PV: general protection, */
#define WIRT_EVENT_privileged     3 /* of these: a privileged instruction, done for the guest */
#define WIRT_EVENT_trap           4 /* PV: any other exception */
#define WIRT_EVENT_upcall         5 /* events delivered: callbacks, or interrupts injected */
#define WIRT_EVENT_exit           6 /* with assistance: any; an interrupt of the machine, unless it is one of these */
#define WIRT_EVENT_exit_halt      7
#define WIRT_EVENT_exit_cpuid     8
#define WIRT_EVENT_exit_msr       9
#define WIRT_EVENT_exit_port      10
#define WIRT_EVENT_exit_hypercall 11
#define WIRT_EVENT_exit_memory    12 /* nested page fault */
#define WIRT_EVENT_count          13

#define WIRT_STAT_CALLS     64
#define WIRT_STAT_EVENTS    24
#define WIRT_STAT_LATENCIES 24
#define WIRT_STAT_LATENCY_SHIFT                                                                                        \
    10 /* waits in latency[i] took less than 2^(i + 10) ns, those in the last one any time */
struct wirt_stat_vcpu {
    int state; /* RUNSTATE_* */
    unsigned int pad;
    unsigned long since;   /* when that began; not yet in time[] */
    unsigned long time[4]; /* ns by RUNSTATE_* */
    unsigned long affinity;
    unsigned long event[WIRT_STAT_EVENTS];
    unsigned long latency[WIRT_STAT_LATENCIES]; /* from being able to run to running: how often */
    unsigned long call[WIRT_STAT_CALLS];        /* hypercalls by number; one that goes on later counts again */
};

#define WIRT_STAT_CONTROL   1u
#define WIRT_STAT_ASSISTED  2u
#define WIRT_STAT_PAUSED    4u /* by the tools */
#define WIRT_STAT_SHUT_DOWN 8u
#define WIRT_STAT_DYING     16u
struct wirt_stat_domain {
    unsigned int flags;
    unsigned int shutdown_reason;
    unsigned long created; /* ns */
    unsigned int vcpus;
    unsigned int weight;
    unsigned int cap;
    unsigned int ports;
    unsigned int port_limit;
    unsigned int grant_frames; /* frames of its table of grants */
    unsigned int grant_frame_limit;
    unsigned int grants; /* entries of it that others use now */
    unsigned int maps;   /* grants of others that it uses */
    unsigned int map_limit;
    unsigned int pad;
    unsigned long pages;
    unsigned long page_limit;
    unsigned long pages_shared; /* given to it besides; its own in any way, given back or not */
    unsigned long pages_held;
    unsigned int tables[4]; /* of its frames, page tables in use (PV), of level 1 to 4 */
};

struct wirt_stat_cpu {
    unsigned long idle; /* ns */
    unsigned long interrupts_timer;
    unsigned long interrupts_cpu;
    unsigned long interrupts_device;
};

struct wirt_stat_host {
    unsigned int cpus;
    unsigned int tsc_khz;
    unsigned int records;
    unsigned int record_limit;
    unsigned long pages;
    unsigned long pages_free;
    unsigned long pages_claimed;
    unsigned long bytes_tables; /* that the hypervisor's bookkeeping takes */
    unsigned long bytes_objects;
};

struct wirt_stat {
    unsigned int version; /* odd: being written; another one than before: read again */
    unsigned char kind;   /* WIRT_STAT_* */
    unsigned char pad;
    unsigned short domain;
    unsigned int id;  /* of the vCPU, or of the CPU */
    unsigned int cpu; /* where the vCPU runs, or ran last */
    union {
        struct wirt_stat_vcpu vcpu;
        struct wirt_stat_domain domain;
        struct wirt_stat_cpu cpu;
        struct wirt_stat_host host;
        unsigned char size[1008];
    } u;
};

/* sysctl: what frames are used as, counted when it is asked for, a piece at a time; what changes meanwhile is counted
 * as it was or as it is. */
#define WIRT_SYSCTL_frames      130
#define WIRT_FRAMES_DOM0        0 /* owners: domain 0, the others, Wirt */
#define WIRT_FRAMES_GUESTS      1
#define WIRT_FRAMES_WIRT        2 /* descriptors: the statistics; none: all else */
#define WIRT_FRAMES_OWNERS      3
#define WIRT_FRAMES_none        0 /* uses: no type (PVH; PV: nowhere writable, and no table) */
#define WIRT_FRAMES_table       1 /* PV: page tables, of level 1 to 4 */
#define WIRT_FRAMES_descriptors 5
#define WIRT_FRAMES_writable    6
#define WIRT_FRAMES_uses        7
struct wirt_sysctl_frames {
    unsigned long next; /* IN: 0 at first; OUT: for the next call; 0: that was all */
    unsigned int count[WIRT_FRAMES_OWNERS][WIRT_FRAMES_uses]; /* OUT: of this piece */
    unsigned int pad;
};

/* sysctl: what the machine offers for guests with hardware assistance, and whether Wirt uses it. */
#define WIRT_SYSCTL_assist 128
struct wirt_sysctl_assist {
    unsigned int is_used;
    char text[96]; /* what is used, or why nothing is; 0 at the end */
};

/*
 * CPUID: what Wirt offers to kernels that know it. Leaf 0x40000100 has the last of these leaves in eax and the
 * signature "WirtWirtWirt" in ebx, ecx and edx; the next one has WIRT_FEATURE_* in eax. Without its bit a call is
 * -ENOSYS elsewhere.
 */
#define WIRT_CPUID_BASE      0x40000100
#define WIRT_CPUID_SIGNATURE 0x74726957 /* "Wirt" */

/*
 * A PV kernel's whole switch of threads as one call: RDI is the stack for entries from programs (as stack_switch, the
 * selector stays), RSI the FS base, RDX the program's GS base, R10 the frame of the kernel's L4 table or 0, R8 that of
 * the program's or 0: none. With R10 = 0 the address space stays as it is and R8 is not looked at. -EINVAL: one of them
 * is not acceptable, and nothing has changed.
 */
#define WIRT_FEATURE_switch      1u
#define __HYPERVISOR_wirt_switch 55 /* of those that are left to architectures */

/*
 * A PV kernel's return to a program, as iret, but with the frame where the program's entry left it: its last byte is
 * the last one below the stack for entries from programs, wherever RSP points. Registers that are not in it are loaded
 * already. Events are unmasked. No result: a frame that cannot be read is the domain's end.
 */
#define WIRT_FEATURE_return      2u
#define __HYPERVISOR_wirt_return 56
struct wirt_return {
    unsigned long r11;
    unsigned long r10_r9_r8[3]; /* not looked at */
    unsigned long rax;
    unsigned long rcx;
    unsigned long others[4]; /* not looked at */
    unsigned long rip;
    unsigned long cs; /* this and ss: ring 3 is added */
    unsigned long rflags;
    unsigned long rsp;
    unsigned long ss;
};

#endif
