/* SPDX-License-Identifier: MIT */
/*
 * The machine under the page-type machine: a little RAM, CPUs that load vCPUs, and for each CPU a TLB
 * that really caches: translations and upper-level entries, taken up by random accesses, lost only by
 * the flushes that the code under test asks for. What a guest could still do through a stale
 * translation is checked here after every operation. One thread; no lock.
 */
#ifndef WIRT_MODEL_MACHINE_H
#define WIRT_MODEL_MACHINE_H

#include "pv/pv.h"

#define RAM_FIRST  0x100u /* frames below: known, not RAM; frames above RAM_LAST: unknown */
#define RAM_LAST   0x23fu
#define FRAMES     (RAM_LAST + 1)
#define HV_FIRST   (RAM_LAST - 3) /* from here on RAM is Wirt's own */
#define MMIO_FIRST 0x8000u        /* d0 may use [MMIO_FIRST, MMIO_FIRST + 16) and, read-only, the second half */
#define CPUS       3u
#define DOMS       3u
#define VCPUS      5u

extern struct domain *dom[DOMS];
extern struct vcpu *vcpus[VCPUS];
extern pte_t hv_slots[HV_SLOT_COUNT]; /* what every L4 must show there */
extern u64 shadow[FRAMES][512];       /* what every frame of RAM must contain */
extern u32 life[FRAMES];              /* how often each frame was given out */

void machine_init(void);
void machine_domains_create(void);
void machine_load(struct vcpu *v, u32 cpu); /* v is current there from now on */
void machine_unload(struct vcpu *v);        /* and it is on no CPU */
void machine_mode(struct vcpu *v, bool is_kernel);
void machine_pending_in(u32 looks); /* work is pending from that look on; 0 = never */
extern void (*machine_look_hook)(void);
/* A guest access from the vCPU loaded on that CPU, through its TLB. */
void machine_access(u32 cpu, u64 va, bool writes, u64 value);
void machine_check_tlb(void);
void machine_store(u32 m, u32 index, u64 value); /* memory and its shadow */
bool machine_is_ram(u64 m);

/* Memory for arguments of hypercalls: a guest address outside it faults. */
extern u8 guest_mem[VCPUS][8192];

/* rnd(n): 0..n-1; one_in(n): true once in n times. */
extern u64 seed_state;
u64 rnd64(void);
static inline u32 rnd(u32 n)
{
    return (u32)((rnd64() >> 16) % n);
}
static inline bool one_in(u32 n)
{
    return rnd(n) == 0;
}

/* The test has found something: says what, the last operations, ends the process. */
void fail(const char *format, ...) __printf(1, 2) __noreturn;
void note(const char *format, ...) __printf(1, 2); /* describe the operation that starts now */
extern u64 ops_done, seed;

#endif
