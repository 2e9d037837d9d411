/* SPDX-License-Identifier: MIT */
/*
 * The registers of a domain with hardware assistance, as domctl has them: a chain of descriptors, each followed by its
 * record; header, two records for each vCPU, end. Of what is written only the vCPUs' registers are taken, each once and
 * before the vCPU ran; the others of the ABI describe devices that there are none of, and memory types, which are
 * those of the machine: builders want that record there.
 */
#include "call/domctl.h"
#include "core/slab.h"
#include "hvm/hvm.h"
#include "hw/time.h"
#include "lib/errno.h"
#include "lib/log.h"
#include "lib/string.h"

enum { RECORD_END, RECORD_HEADER, RECORD_CPU, RECORD_MTRR = 14 };
#define RECORDS_MOST 256u

static s64 cpu_set(struct domain *d, u32 id, guest_ptr from)
{
    struct vcpu *v = domain_vcpu(d, id);
    struct hvm_hw_cpu *c = v ? slab_alloc(sizeof(*c)) : NULL;
    s64 rc = v ? -ENOMEM : -EINVAL;

    if (!c)
        return rc;
    rc = guest_get(c, from) ? 0 : -EFAULT;
    lock_take(&d->lock);
    if (rc == 0 && (domain_is_dying(d) || v->is_initialised))
        rc = v->is_initialised ? -EEXIST : -ESRCH;
    if (rc == 0) {
        hvm_set_context(v, c);
        v->is_initialised = true;
        vcpu_up(v);
    }
    lock_drop(&d->lock);
    slab_free(c, sizeof(*c));
    return rc;
}

s64 domctl_hvm_set_context(struct domain *d, struct xen_domctl *op)
{
    guest_ptr at = guest_at(op->u.hvmcontext.buffer);
    u64 left = op->u.hvmcontext.size;
    struct hvm_save_descriptor s = {.typecode = RECORD_HEADER};
    s64 rc = d->hvm ? 0 : -EINVAL;

    for (u32 n = 0; rc == 0 && n < RECORDS_MOST && s.typecode != RECORD_END; n++) {
        if (left < sizeof(s) || !guest_get(&s, at) || s.length > left - sizeof(s))
            return -EINVAL;
        at = guest_offset(at, sizeof(s));
        if (s.typecode == RECORD_CPU)
            rc = s.length == sizeof(struct hvm_hw_cpu) ? cpu_set(d, s.instance, at) : -EINVAL;
        at = guest_offset(at, s.length);
        left -= sizeof(s) + s.length;
    }
    return rc;
}

/* In the form that PV vCPUs have, for debuggers. */
s64 domctl_hvm_vcpu(const struct vcpu *v, struct vcpu_guest_context *out)
{
    struct hvm_hw_cpu *c = slab_alloc(sizeof(*c));
    bool in_kernel;

    if (!c)
        return -ENOMEM;
    hvm_get_context(v, c);
    in_kernel = !(c->ss_arbytes >> 5 & 3);
    memcpy(&out->fpu_ctxt, c->fpu_regs, sizeof(out->fpu_ctxt));
    out->flags = VGCF_i387_valid | (in_kernel ? VGCF_in_kernel : 0) | (v->is_up ? VGCF_online : 0);
#define R(n) .n = c->n
#define S(n) .n = (u16)c->n##_sel
    out->user_regs = (struct cpu_user_regs){R(r15), R(r14), R(r13), R(r12), R(rbp), R(rbx), R(r11), R(r10),
                                            R(r9),  R(r8),  R(rax), R(rcx), R(rdx), R(rsi), R(rdi), R(rip),
                                            S(cs),  S(ss),  S(ds),  S(es),  S(fs),  S(gs),  R(rsp), R(rflags)};
#undef R
#undef S
    out->ctrlreg[0] = c->cr0;
    out->ctrlreg[2] = c->cr2;
    out->ctrlreg[3] = c->cr3;
    out->ctrlreg[4] = c->cr4;
    memcpy(out->debugreg, &c->dr0, 4 * sizeof(u64));
    out->debugreg[6] = c->dr6;
    out->debugreg[7] = c->dr7;
    out->fs_base = c->fs_base;
    out->gs_base_kernel = in_kernel ? c->gs_base : c->shadow_gs;
    out->gs_base_user = in_kernel ? c->shadow_gs : c->gs_base;
    slab_free(c, sizeof(*c));
    return 0;
}

static u64 record_put(guest_ptr at, u64 offset, u32 code, u32 instance, const void *record, u32 bytes)
{
    struct hvm_save_descriptor s = {(u16)code, (u16)instance, bytes};

    at = guest_offset(at, offset);
    return guest_put(at, &s) && guest_write(guest_offset(at, sizeof(s)), record, bytes) ? offset + sizeof(s) + bytes
                                                                                        : 0;
}

static s64 records_put(struct domain *d, guest_ptr at, struct hvm_hw_cpu *c)
{
    struct hvm_save_header h = {.magic = HVM_FILE_MAGIC,
                                .version = HVM_FILE_VERSION,
                                .cpuid = cpuid(1, 0).eax,
                                .gtsc_khz = (u32)time_tsc_khz()};
    static const struct hvm_hw_mtrr types = {.msr_pat_cr = 0x0007040600070406ull, .msr_mtrr_def_type = 0x806};
    u64 offset = record_put(at, 0, RECORD_HEADER, 0, &h, sizeof(h));

    for (u32 i = 0; offset && i < d->vcpu_limit; i++) {
        if (!d->vcpu[i])
            continue;
        vcpu_sync(d->vcpu[i]);
        hvm_get_context(d->vcpu[i], c);
        offset = record_put(at, offset, RECORD_CPU, i, c, sizeof(*c));
        if (offset)
            offset = record_put(at, offset, RECORD_MTRR, i, &types, sizeof(types));
    }
    return offset && record_put(at, offset, RECORD_END, 0, NULL, 0) ? 0 : -EFAULT;
}

/* Of a domain that stands still; without a buffer: how large it must be. */
s64 domctl_hvm_get_context(struct domain *d, struct xen_domctl *op)
{
    u32 need = 2 * sizeof(struct hvm_save_descriptor) + sizeof(struct hvm_save_header);
    struct hvm_hw_cpu *c;
    s64 rc;

    if (!d->hvm)
        return -EINVAL;
    for (u32 i = 0; i < d->vcpu_limit; i++)
        need +=
            d->vcpu[i] ? (u32)(2 * sizeof(struct hvm_save_descriptor) + sizeof(*c) + sizeof(struct hvm_hw_mtrr)) : 0;
    if (op->u.hvmcontext.buffer && op->u.hvmcontext.size < need)
        return -ENOSPC;
    op->u.hvmcontext.size = need;
    if (!op->u.hvmcontext.buffer)
        return 0;
    if (domain_is_running(d) || (!d->pause_count && !d->is_shut_down))
        return -EBUSY;
    c = slab_alloc(sizeof(*c));
    if (!c)
        return -ENOMEM;
    rc = records_put(d, guest_at(op->u.hvmcontext.buffer), c);
    slab_free(c, sizeof(*c));
    return rc;
}
