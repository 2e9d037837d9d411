/* SPDX-License-Identifier: MIT */
/*
 * A kernel that breaks its own contract, one way a case: no stack, no handler, a stack in Wirt's range. Each ends in
 * one clear line about the domain and in the machine's reboot, never in a panic of Wirt. The command line chooses.
 */
#include "guest.h"

static void enter_user(u64 rip)
{
    user_enter(rip, USER_STACK_TOP, 0x202, FLAT_USER_CS, FLAT_USER_SS, 0);
}

static u64 in_user(u64 unused)
{
    __asm__ volatile("syscall" : : "a"(0) : "rcx", "r11", "memory");
    return unused;
}

static u64 touches(u64 va)
{
    return *(volatile u64 *)va;
}

static void return_with_stack(u64 sp)
{
    user_init();
    if (call2(__HYPERVISOR_stack_switch, FLAT_KERNEL_SS, sp))
        print("  stack_switch is refused\n");
    call0(56);
}

static void with_stack(u64 sp)
{
    __asm__ volatile("mov %0, %%rsp\n ud2" : : "r"(sp));
}

static void iret_at(u64 sp)
{
    __asm__ volatile("mov %0, %%rsp\n mov $23, %%eax\n syscall" : : "r"(sp));
}

/* A system call or fault of a program finds the kernel's stack at sp. */
static void user_with_stack(u64 sp, u64 (*fn)(u64), u64 arg)
{
    user_init();
    if (call2(__HYPERVISOR_stack_switch, FLAT_KERNEL_SS, sp))
        print("  stack_switch is refused\n");
    user_run(fn, arg);
}

static void no_callback(void)
{
    struct evtchn_bind_ipi ipi = {0};
    shared_init();
    fill(shared->evtchn_mask, 0, sizeof(shared->evtchn_mask));
    evtchn(EVTCHNOP_bind_ipi, &ipi);
    struct evtchn_send send = {ipi.port};
    shared->vcpu_info[0].evtchn_upcall_mask = 0;
    evtchn(EVTCHNOP_send, &send);
}

/* Its page-fault handler lies where nothing is mapped: frames down the stack until there is none. */
static void handler_away(void)
{
    u8 *stack = page_new();
    map(stack, 0);
    stack = page_new(); /* the one below is not mapped */
    trap_set(V_PF, 0, 0x10000);
    __asm__ volatile("mov %0, %%rsp\n movl $0, 0" : : "r"(stack + PAGE));
}

int main(void)
{
    u8 *page = page_new(), *hole = page_new();
    page_ro(page);
    map(hole, 0);
    if (!is_case("no-handler"))
        traps_init();
    expect_crash((const char *)si->cmd_line);
    if (is_case("no-handler"))
        __asm__ volatile("ud2");
    if (is_case("iret-no-user"))
        enter_user((u64)in_user);
    if (is_case("iret-wirt"))
        iret_at(HV_DIRECT);
    if (is_case("iret-edge"))
        iret_at(HV_START - 16);
    if (is_case("iret-wraps"))
        iret_at(~0ul - 15);
    if (is_case("iret-hole"))
        iret_at((u64)hole);
    if (is_case("stack-wirt"))
        with_stack(HV_DIRECT + PAGE);
    if (is_case("stack-m2p"))
        with_stack(HV_START + PAGE);
    if (is_case("stack-non-canonical"))
        with_stack(NON_CANONICAL + 32);
    if (is_case("stack-read-only"))
        with_stack((u64)page + PAGE);
    if (is_case("stack-zero"))
        with_stack(0);
    if (is_case("user-stack-hole"))
        user_with_stack((u64)hole + PAGE, in_user, 0);
    if (is_case("return-hole"))
        return_with_stack((u64)hole + PAGE);
    if (is_case("return-no-user")) {
        user_init();
        ext(MMUEXT_NEW_USER_BASEPTR, 0, 0);
        user_by_return(true);
        enter_user((u64)in_user);
    }
    if (is_case("user-stack-read-only"))
        user_with_stack((u64)page + PAGE, in_user, 0);
    if (is_case("fault-stack-hole"))
        user_with_stack((u64)hole + PAGE, touches, 0x1000);
    if (is_case("no-callback"))
        no_callback();
    if (is_case("handler-away"))
        handler_away();
    print("  still alive\n");
    return 0;
}
