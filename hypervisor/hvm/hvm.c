/* SPDX-License-Identifier: MIT */
/*
 * A domain with hardware assistance and its vCPUs, whatever the make of processor: creation and end, what goes into the
 * guest next (an event channel's upcall, a vector of its APIC, an NMI), waiting for one of these, starting a second
 * CPU. A vCPU's own fields change where it runs, or while it stands still; what others send it is atomic.
 */
#include "hvm/svm.h"
#include "hvm/vmx.h"
#include "core/slab.h"
#include "core/work.h"
#include "dom/guest.h"
#include "hw/fpu.h"
#include "hw/spec.h"
#include "lib/errno.h"
#include "lib/fmt.h"
#include "lib/log.h"
#include "lib/string.h"
#include "public/sched.h"

__sealed const struct hvm_backend *hvm_backend;
__sealed char hvm_assist[HVM_ASSIST];
void (*hvm_call_door)(struct regs *r), (*hvm_compat_door)(struct regs *r);

/* --- the domain --- */

static int domain_make(struct domain *d)
{
    d->hvm = slab_alloc(sizeof(*d->hvm));
    return d->hvm ? p2m_create(d) : -ENOMEM;
}

static void domain_unmake(struct domain *d)
{
    if (!d->hvm)
        return;
    p2m_destroy(d);
    slab_free(d->hvm, sizeof(*d->hvm));
}

static int relinquish(struct domain *d)
{
    int rc;

    for (u32 i = 0; i < d->vcpu_limit; i++)
        if (d->vcpu[i])
            vlapic_stop(d->vcpu[i]);
    rc = p2m_drain(d);
    while (rc == 0 && d->pages.n) {
        if (!page_release(d, frame_page_raw(d->pages)) || work_is_pending())
            rc = -ERESTART;
    }
    if (rc)
        return rc;
    (void)frame_claim(&d->claim, 0);
    slab_free(d->e820, d->e820_bytes);
    d->e820 = NULL;
    return 0;
}

/* --- a vCPU --- */

static int create(struct vcpu *v)
{
    int rc = -ENOMEM;

    v->hvm = slab_alloc(sizeof(*v->hvm));
    if (v->hvm)
        rc = hvm_backend->create(v);
    if (rc) {
        slab_free(v->hvm, sizeof(*v->hvm));
        v->hvm = NULL;
        return rc;
    }
    v->hvm->ran_on = VCPU_NOWHERE;
    vlapic_create(v);
    return 0;
}

static void destroy(struct vcpu *v)
{
    hvm_backend->destroy(v);
    slab_free(v->hvm, sizeof(*v->hvm));
}

static void load(struct vcpu *v)
{
    spec_switch_vcpu(v->domain->serial);
    cpu_info()->copier = hvm_copy;
    tlb_load_cr3(mfn_paddr(pgtab_hv_l4()).a);
    hvm_backend->load(v);
}

static void unload(struct vcpu *v)
{
    cpu_info()->copier = NULL;
    fpu_forget_xcr0(); /* one emulator lets guests write it without leaving */
    hvm_backend->unload(v);
}

static __noreturn void enter(struct vcpu *v)
{
    (void)v;
    hvm_backend->enter();
}

/* By address, as all its memory is there: no way to tell it half. To 32-bit guests the times come right behind the
 * state. */
static void write_runstate(struct vcpu *v)
{
    guest_ptr at = guest_at(v->runstate_va);
    guest_ptr times = guest_offset(at, v->domain->is_narrow ? sizeof(int) : sizeof(u64));
    struct vcpu_runstate_info out;
    u64 entry_time;

    vcpu_runstate_here(v, &out);
    entry_time = out.state_entry_time;
    out.state_entry_time |= XEN_RUNSTATE_UPDATE;
    if (!(v->domain->vm_assist & BIT(VMASST_TYPE_runstate_update_flag)))
        out.state_entry_time = entry_time;
    if (!guest_put(at, &out.state) ||
        !guest_write(times, &out.state_entry_time, sizeof(entry_time) + sizeof(out.time)) ||
        !guest_put(times, &entry_time))
        v->runstate_va = 0;
}

/* --- what goes in next --- */

static u32 due(struct vcpu *v)
{
    if (READ_ONCE(v->info->evtchn_upcall_pending) && v->domain->hvm->callback_vector)
        return v->domain->hvm->callback_vector;
    return vlapic_due(v);
}

static void taken(struct vcpu *v, u32 vector)
{
    vcpu_count(v, WIRT_EVENT_upcall);
    if (vector != v->domain->hvm->callback_vector)
        vlapic_accept(v, vector);
}

u32 hvm_choose(struct vcpu *v, bool takes_nmi, bool takes_intr)
{
    struct hvm_vcpu *h = v->hvm;
    u32 vector = due(v), waits = 0;

    if (unlikely(v->pv.nmi_pending)) {
        if (takes_nmi && !(h->event & HVM_EVENT_VALID)) {
            v->pv.nmi_pending = false;
            h->event = HVM_EVENT_VALID | HVM_EVENT_TYPE(HVM_EVENT_NMI) | TRAP_NMI;
        } else {
            waits |= HVM_WAITS_NMI;
        }
    }
    if (vector == HVM_NO_VECTOR)
        return waits;
    if (!takes_intr || h->event & HVM_EVENT_VALID)
        return waits | HVM_WAITS_INTR;
    h->event = HVM_EVENT_VALID | HVM_EVENT_TYPE(HVM_EVENT_INTR) | vector;
    taken(v, vector);
    return waits;
}

void hvm_inject(struct vcpu *v, u32 vector, bool has_error, u32 error)
{
    v->hvm->event = HVM_EVENT_VALID | HVM_EVENT_TYPE(HVM_EVENT_EXCEPTION) | vector |
                    (has_error ? HVM_EVENT_ERROR | (u64)error << 32 : 0);
}

/* What an instruction raised is raised again by it. */
void hvm_retry(struct vcpu *v, u64 event)
{
    u64 type = event & HVM_EVENT_TYPE(7);
    u8 vector = (u8)event;
    bool is_own = type >= HVM_EVENT_TYPE(HVM_EVENT_SOFT) ||
                  (type == HVM_EVENT_TYPE(HVM_EVENT_EXCEPTION) && (vector == TRAP_BP || vector == TRAP_OF));

    vcpu_count(v, WIRT_EVENT_exit);
    v->hvm->event = event & HVM_EVENT_VALID && !is_own ? event : 0;
}

bool hvm_is_stale(struct vcpu *v)
{
    struct hvm_vcpu *h = v->hvm;
    u32 flushed = READ_ONCE(tlb_flushed_at[cpu_id()]);

    if (h->ran_on == cpu_id() && h->tlb_seen == flushed && flushed)
        return false;
    h->ran_on = cpu_id();
    h->tlb_seen = flushed;
    return true;
}

void hvm_debug_load(struct vcpu *v)
{
    struct hvm_vcpu *h = v->hvm;

    cpu_write_dr0(h->dr[0]);
    cpu_write_dr1(h->dr[1]);
    cpu_write_dr2(h->dr[2]);
    cpu_write_dr3(h->dr[3]);
    h->has_debug = true;
}

void hvm_debug_save(struct vcpu *v)
{
    struct hvm_vcpu *h = v->hvm;

    h->dr[0] = cpu_read_dr0();
    h->dr[1] = cpu_read_dr1();
    h->dr[2] = cpu_read_dr2();
    h->dr[3] = cpu_read_dr3();
    h->has_debug = false;
}

void hvm_halt(struct vcpu *v)
{
    sched_block();
    /* Paired with the stores before vcpu_kick: either it sees us blocking, or we see what it brought. */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (due(v) || v->pv.must_look || (v->pv.nmi_pending && !v->hvm->is_in_nmi))
        sched_wake(&v->unit);
}

void hvm_print(struct domain *d, char c)
{
    struct hvm_domain *h = d->hvm;

    lock_take(&h->lock);
    if (c != '\n' && c != '\r' && h->line_length < HVM_LINE - 1)
        h->line[h->line_length++] = c >= ' ' && c < 127 ? c : '?';
    if (h->line_length == HVM_LINE - 1 || (c == '\n' && h->line_length)) {
        h->line[h->line_length] = 0;
        h->line_length = 0;
        domain_log(d, "%s", h->line);
    }
    lock_drop(&h->lock);
}

/* It goes down, with domain.lock held; false: it is the last one, and stays. */
static bool goes_down(struct vcpu *v)
{
    const struct domain *d = v->domain;
    bool is_last = true;

    v->hvm->has_init = false;
    for (u32 i = 0; i < d->vcpu_limit; i++)
        is_last &= !d->vcpu[i] || d->vcpu[i] == v || !d->vcpu[i]->is_up;
    if (!is_last)
        vcpu_down(v);
    return !is_last;
}

/* How kernels take a vCPU offline, and, with the last one, switch the machine off. */
void hvm_down(struct vcpu *v)
{
    bool went;

    lock_take(&v->domain->lock);
    went = goes_down(v);
    lock_drop(&v->domain->lock);
    if (!went)
        domain_shutdown(v->domain, SHUTDOWN_poweroff);
}

/* One that runs sees it on its way back into the guest (restart); one that is down waits for SIPI as it is. */
void hvm_stop(struct vcpu *v)
{
    lock_take(&v->domain->lock);
    if (v->is_up) {
        v->hvm->has_init = true;
        v->hvm->sipi = 0;
        atomic_store(&v->pv.must_look, 1);
    }
    lock_drop(&v->domain->lock);
    vcpu_kick(v);
}

static void start_real(struct vcpu *v, u8 page)
{
    vlapic_reset(v);
    hvm_backend->start_real(v, page);
    v->regs = (struct regs){.rflags = RFLAGS_MBS};
    v->hvm->ran_on = VCPU_NOWHERE; /* the TLB has what it saw with paging */
    v->hvm->event = 0;
    v->hvm->is_in_nmi = v->pv.nmi_pending = false;
    v->is_initialised = true;
}

/* A vCPU that runs, or has not stopped yet, is not started again. */
void hvm_start(struct vcpu *v, u8 page)
{
    lock_take(&v->domain->lock);
    if (v->hvm->has_init) {
        v->hvm->sipi = 0x100 | page;
    } else if (!v->is_up && !sched_is_running(&v->unit) && !domain_is_dying(v->domain)) {
        start_real(v, page);
        vcpu_up(v);
    }
    lock_drop(&v->domain->lock);
}

/* INIT came while it ran: it is over here, unless SIPI came as well. */
static void restart(struct vcpu *v, struct regs *r)
{
    bool went = true;
    u32 sipi;

    lock_take(&v->domain->lock);
    sipi = v->hvm->sipi;
    v->hvm->has_init = false;
    if (!sipi)
        went = goes_down(v);
    lock_drop(&v->domain->lock);
    if (sipi) {
        start_real(v, (u8)sipi);
        *r = v->regs;
    }
    if (!went)
        domain_crash(v->domain, "vCPU %u, its last one, was stopped by INIT", v->id);
}

static void call(struct regs *r, u32 wide)
{
    if (wide < 8)
        hvm_compat_door(r);
    else
        hvm_call_door(r);
}

void hvm_look(struct regs *r)
{
    struct vcpu *v = vcpu_current();

    (void)atomic_xchg(&v->pv.must_look, 0);
    if (v->cont.is_active)
        call(r, hvm_backend->code(v).wide);
    if (v->hvm->has_init && !v->cont.is_active)
        restart(v, r);
}

/* VMMCALL or VMCALL, of ring 0; rip is behind it. */
void hvm_call(struct regs *r, struct hvm_code code)
{
    vcpu_count(vcpu_current(), WIRT_EVENT_exit_hypercall);
    if (code.cpl)
        r->rax = code.wide < 8 ? (u32)-EPERM : (u64)-EPERM;
    else
        call(r, code.wide);
}

void hvm_set_context(struct vcpu *v, const struct hvm_hw_cpu *c)
{
#define GPR(n) .n = c->n
    v->regs = (struct regs){GPR(rax), GPR(rbx), GPR(rcx), GPR(rdx), GPR(rsi), GPR(rdi), GPR(rbp), GPR(rsp), GPR(r8),
                            GPR(r9),  GPR(r10), GPR(r11), GPR(r12), GPR(r13), GPR(r14), GPR(r15), GPR(rip)};
#undef GPR
    v->regs.rflags = (c->rflags & ~BIT(17)) | RFLAGS_MBS;
    memcpy(v->hvm->dr, &c->dr0, sizeof(v->hvm->dr));
    hvm_backend->set_context(v, c);
}

void hvm_get_context(const struct vcpu *v, struct hvm_hw_cpu *c)
{
    const struct regs *r = &v->regs;

#define GPR(n) .n = r->n
    *c = (struct hvm_hw_cpu){GPR(rax), GPR(rbx), GPR(rcx), GPR(rdx), GPR(rsi), GPR(rdi),
                             GPR(rbp), GPR(rsp), GPR(r8),  GPR(r9),  GPR(r10), GPR(r11),
                             GPR(r12), GPR(r13), GPR(r14), GPR(r15), GPR(rip), GPR(rflags)};
#undef GPR
    memcpy(&c->dr0, v->hvm->dr, sizeof(v->hvm->dr));
    memcpy(c->fpu_regs, v->fpu, sizeof(c->fpu_regs));
    c->flags = XEN_X86_FPU_INITIALISED;
    hvm_backend->get_context(v, c);
}

static const struct vcpu_ops ops = {create, destroy, load, unload, enter, write_runstate};
static const struct domain_ops ops_of_domain = {&ops,     &hvm_grant_ops, domain_make, domain_unmake, p2m_frame,
                                                p2m_show, p2m_hide,       p2m_note,    relinquish};

__init void hvm_init(void)
{
    const char *why = "the CPU has none";

    if (cpu_has(CPU_F_SVM)) {
        hvm_backend = &svm_backend;
        why = svm_init();
    } else if (cpu_has(CPU_F_VMX)) {
        hvm_backend = &vmx_backend;
        why = vmx_init();
    }
    if (why) {
        hvm_backend = NULL;
        (void)fmt(hvm_assist, sizeof(hvm_assist), "%s", why);
    }
    log_info("Hardware assist: %s%s", hvm_assist, why ? "; guests are paravirtualised" : "");
    if (why)
        return;
    p2m_init();
    console_key_bind('n', "nested tables of guests with hardware assist", p2m_report);
    domain_kind[DOMAIN_HVM] = &ops_of_domain;
}

void hvm_init_this(void)
{
    if (hvm_backend)
        hvm_backend->start();
}
