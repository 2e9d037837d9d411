/* SPDX-License-Identifier: MIT */
/*
 * hvm/mmio.c as shipped: every form of MOV that reaches the APIC's page, with each register, its length and what it
 * does; and all that is refused by name, random bytes among it, with nothing changed.
 */
#include "../suite.h"
#include "dom/guest.h"
#include "fake.h"
#include "hvm/mmio.c"

static struct domain domain;
static struct hvm_vcpu state;
static struct vcpu vcpu;
static struct regs r;
static u8 code[32] __attribute__((aligned(64)));
static u32 offset, value, crashes;
static bool has_page = true, did_write, did_access, is_long = true;

static void mode(const struct vcpu *v, struct hvm_mode *out)
{
    (void)v;
    *out = (struct hvm_mode){.is_long = is_long};
}
static const struct hvm_backend backend = {.mode = mode};
const struct hvm_backend *hvm_backend = &backend;

bool guest_read(void *host, guest_ptr from, u64 n)
{
    memcpy(host, (const void *)from.va, n);
    return true;
}
void domain_crash(struct domain *d, const char *format, ...)
{
    (void)d, (void)format;
    crashes++;
}
bool vlapic_has_page(const struct vcpu *v)
{
    (void)v;
    return has_page;
}
void vlapic_page(struct vcpu *v, u32 at, bool writes, u32 *data)
{
    (void)v;
    offset = at;
    did_write = writes;
    did_access = true;
    if (writes)
        value = *data;
    else
        *data = 0x89abcdef;
}

static bool access_at(u64 address, const void *bytes, u32 n)
{
    memset(code, 0xcc, sizeof(code));
    memcpy(code, bytes, n);
    vcpu = (struct vcpu){.domain = &domain, .hvm = &state};
    memset(&r, 0xff, sizeof(r));
    r.rip = (u64)code;
    did_access = did_write = false;
    crashes = 0;
    return hvm_mmio(&vcpu, &r, address);
}

#define DO(bytes, n)                                                                                                   \
    CU_ASSERT(access_at(0xfee00320, bytes, n) && did_access && offset == 0x320 && !crashes && r.rip == (u64)code + (n))

static void loads(void)
{
    DO("\x8b\x04\x25\x20\xd3\x5f\xff", 7); /* absolute */
    CU_ASSERT(!did_write && r.rax == 0x89abcdef && r.rbx == ~0ull);
    DO("\x44\x8b\x3f", 3); /* r15, by rdi */
    CU_ASSERT(r.r15 == 0x89abcdef && r.rdi == ~0ull);
    DO("\x8b\x87\x00\xd0\x5f\xff", 6); /* disp32 */
    DO("\x8b\x47\x20", 3);             /* disp8 */
    DO("\x41\x8b\x44\x24\x20", 5);     /* r12: by way of SIB */
    DO("\x8b\x1d\x00\x01\x02\x03", 6); /* relative to rip */
    CU_ASSERT_EQUAL(r.rbx, 0x89abcdef);
    DO("\x65\x8b\x0f", 3); /* a segment changes the address, which is known */
    CU_ASSERT_EQUAL(r.rcx, 0x89abcdef);
    DO("\xa1\x20\x03\xe0\xfe\x00\x00\x00\x00", 9);
    CU_ASSERT_EQUAL(r.rax, 0x89abcdef);
}

static void stores(void)
{
    DO("\x89\x04\x25\x20\xd3\x5f\xff", 7);
    CU_ASSERT(did_write && value == 0xffffffff && r.rax == ~0ull);
    DO("\xc7\x04\x25\x20\xd3\x5f\xff\x78\x56\x34\x12", 11);
    CU_ASSERT(did_write && value == 0x12345678);
    DO("\x41\xc7\x00\xff\x00\x01\x80", 7);
    CU_ASSERT_EQUAL(value, 0x800100ff);
    DO("\xa3\x20\x03\xe0\xfe\x00\x00\x00\x00", 9);
    CU_ASSERT(did_write && value == 0xffffffff);
}

static void refused(void)
{
    static const struct {
        u8 bytes[16];
    } bad[] = {{{0x48, 0x8b, 0x07}},
               {{0x66, 0x89, 0x07}},
               {{0xf3, 0x8b, 0x07}},
               {{0x8a, 0x07}},
               {{0x88, 0x07}},
               {{0x0f, 0xb6, 0x07}},
               {{0x87, 0x07}},
               {{0x09, 0x07}},
               {{0xff, 0x07}},
               {{0xc7, 0x0f}},
               {{0x8b, 0xc0}},
               {{0x89, 0xc0}},
               {{0xa5}},
               {{0x90}},
               {{0xc6, 0x07}},
               {{0x26, 0x26, 0x26, 0x26, 0x26, 0x26}},
               {{0x2e, 0x2e, 0x2e, 0x2e, 0x2e, 0x41, 0xc7, 0x84, 0x25}}};

    for (u32 i = 0; i < ARRAY_COUNT(bad); i++) {
        CU_ASSERT(access_at(0xfee00080, bad[i].bytes, 16));
        if (did_access || crashes != 1)
            printf("case %u\n", i);
        CU_ASSERT(!did_access && crashes == 1 && r.rip == (u64)code);
    }
    CU_ASSERT(!access_at(0xfee01000, "\x8b\x07", 2) && !access_at(0xfedfffff, "\x8b\x07", 2) && !crashes);
    has_page = false;
    CU_ASSERT(!access_at(0xfee00000, "\x8b\x07", 2) && !crashes);
    has_page = true;
    is_long = false;
    CU_ASSERT(access_at(0xfee00000, "\x8b\x07", 2) && crashes == 1 && !did_access);
    is_long = true;
}

static void anything(void)
{
    u8 bytes[16];
    u32 done = 0;

    for (u32 n = 0; n < 300000; n++) {
        for (u32 i = 0; i < sizeof(bytes); i++)
            bytes[i] = (u8)fake_random(256);
        if (fake_random(2))
            bytes[fake_random(3)] = "\x8b\x89\xc7\xa1"[fake_random(4)];
        CU_ASSERT_FATAL(access_at(0xfee00000 + fake_random(4096), bytes, 16));
        CU_ASSERT_FATAL(did_access != crashes && r.rip - (u64)code <= 15);
        done += did_access;
    }
    CU_ASSERT(done > 1000);
}

int main(void)
{
    CU_TestInfo tests[] = {{"loads", loads},
                           {"stores", stores},
                           {"refused by name", refused},
                           {"whatever bytes", anything},
                           CU_TEST_INFO_NULL};

    fake_init(1);
    fake_seed();
    return suite_run("mmio", tests);
}
