/* SPDX-License-Identifier: MIT */
/*
 * hvm/mmio.c as shipped: every form of MOV that reaches the APIC's page, with each register, its length and what it
 * does; what is written to holes; the same in 32-bit and 16-bit code; and all that is refused by name, random bytes
 * among it, with nothing changed.
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
static u64 rip;
static bool has_page = true, did_write, did_access;
static u8 wide = 8;

static struct hvm_code code_of(const struct vcpu *v)
{
    (void)v;
    return (struct hvm_code){.wide = wide, .at = wide == 2 ? 0x10 : 0};
}
static const struct hvm_backend backend = {.code = code_of};
const struct hvm_backend *hvm_backend = &backend;

bool guest_read(void *host, guest_ptr from, u64 n)
{
    u64 va = wide == 8 ? from.va : ((u64)code & ~0xffffffffull) + (u32)from.va; /* code below 4 GiB, as it were */

    memcpy(host, (const void *)va, n);
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

static void access_at(u64 address, const void *bytes, u32 n)
{
    memset(code, 0xcc, sizeof(code));
    memcpy(code, bytes, n);
    vcpu = (struct vcpu){.domain = &domain, .hvm = &state};
    memset(&r, 0xff, sizeof(r));
    r.rip = wide == 8 ? (u64)code : (u32)(u64)code - (wide == 2 ? 0x10 : 0);
    rip = r.rip;
    did_access = did_write = false;
    crashes = 0;
    hvm_mmio(&vcpu, &r, address);
}

#define DO(bytes, n)                                                                                                   \
    access_at(0xfee00320, bytes, n);                                                                                   \
    CU_ASSERT(did_access &&offset == 0x320 && !crashes && r.rip == rip + (n))
/* A write to a hole: nothing but the instruction is over. */
#define LOST(bytes, n)                                                                                                 \
    access_at(0x12345678, bytes, n);                                                                                   \
    CU_ASSERT(!did_access && !crashes && r.rip == rip + (n) && r.rax == ~0ull)
#define REFUSED(address, bytes, n)                                                                                     \
    access_at(address, bytes, n);                                                                                      \
    CU_ASSERT(!did_access && crashes == 1 && r.rip == rip)

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

static void holes(void)
{
    LOST("\x88\x07", 2);
    LOST("\x66\x89\x07", 3);
    LOST("\x89\x04\x25\x20\xd3\x5f\xff", 7);
    LOST("\x48\x89\x87\x00\xd0\x5f\xff", 7);
    LOST("\xc6\x47\x20\x01", 4);
    LOST("\x66\xc7\x07\x01\x02", 5);
    LOST("\xc7\x07\x01\x02\x03\x04", 6);
    LOST("\x49\xc7\x44\x24\x20\x01\x02\x03\x04", 9);
    LOST("\xa2\x20\x03\xe0\xfe\x00\x00\x00\x00", 9);
    LOST("\x48\xa3\x20\x03\xe0\xfe\x00\x00\x00\x00", 10);
    REFUSED(0x12345678, "\x8b\x07", 2); /* reads are the processor's */
    REFUSED(0x12345678, "\xff\x07", 2);
    REFUSED(0x12345678, "\xcd\x40", 2);
    REFUSED(0x12345678, "\xf3\xaa", 2);
    REFUSED(0x12345678, "\x67\x89\x07", 3);
    REFUSED(0x12345678, "\x0f\x11\x07", 3);
}

static void narrow(void)
{
    wide = 4;
    DO("\x8b\x05\x20\x03\xe0\xfe", 6); /* absolute */
    CU_ASSERT_EQUAL(r.rax, 0x89abcdef);
    DO("\xa1\x20\x03\xe0\xfe", 5);
    DO("\x89\x4c\x8e\x20", 4);
    CU_ASSERT(did_write && value == 0xffffffff);
    DO("\xc7\x85\x20\x03\x00\x00\x78\x56\x34\x12", 10);
    CU_ASSERT(did_write && value == 0x12345678);
    LOST("\x66\xa3\x20\x03\xe0\xfe", 6);
    LOST("\xc6\x04\x25\x20\x03\xe0\xfe\x01", 8);
    REFUSED(0xfee00320, "\x44\x8b\x07", 3); /* INC ESP */
    REFUSED(0xfee00320, "\x66\x8b\x07", 3);
    wide = 2;
    DO("\x66\x8b\x07", 3);
    CU_ASSERT_EQUAL(r.rax, 0x89abcdef);
    DO("\x66\xa1\x20\x03", 4);
    DO("\x66\xc7\x06\x20\x03\x78\x56\x34\x12", 9);
    CU_ASSERT(did_write && value == 0x12345678);
    LOST("\x88\x04", 2); /* SI, no SIB */
    LOST("\x89\x05", 2); /* DI, no displacement */
    LOST("\x89\x46\x10", 3);
    LOST("\x89\x84\x34\x12", 4);
    LOST("\xc7\x06\x20\x03\x01\x02", 6);
    LOST("\xc6\x00\x01", 3);
    LOST("\xa3\x10\x00", 3);
    REFUSED(0xfee00320, "\x8b\x07", 2);
    wide = 8;
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
        REFUSED(0xfee00080, bad[i].bytes, 16);
        if (did_access || crashes != 1)
            printf("case %u\n", i);
    }
    has_page = false; /* then it is a hole as well */
    access_at(0xfee00000, "\x8b\x07", 2);
    CU_ASSERT(!crashes && !did_access && r.rax == 0xffffffff && r.rip == rip + 2);
    access_at(0xfee00000, "\x89\x07", 2);
    CU_ASSERT(!crashes && !did_access && r.rax == ~0ull && r.rip == rip + 2);
    has_page = true;
}

static void anything(void)
{
    u8 bytes[16];
    u32 done = 0, lost = 0;

    for (u32 n = 0; n < 300000; n++) {
        for (u32 i = 0; i < sizeof(bytes); i++)
            bytes[i] = (u8)fake_random(256);
        if (fake_random(2))
            bytes[fake_random(3)] = "\x8b\x89\xc7\xa1"[fake_random(4)];
        wide = (u8)(2 << fake_random(3));
        access_at(0xfee00000 + fake_random(4096), bytes, 16);
        CU_ASSERT_FATAL(did_access != crashes && r.rip - rip <= 15);
        done += did_access;
        access_at(0x100000, bytes, 16);
        CU_ASSERT_FATAL(!did_access && (r.rip == rip) == crashes && r.rip - rip <= 15);
        lost += !crashes;
    }
    wide = 8;
    CU_ASSERT(done > 1000 && lost > 1000);
}

int main(void)
{
    CU_TestInfo tests[] = {{"loads", loads},
                           {"stores", stores},
                           {"writes to holes", holes},
                           {"32-bit and 16-bit code", narrow},
                           {"refused by name", refused},
                           {"whatever bytes", anything},
                           CU_TEST_INFO_NULL};

    fake_init(1);
    fake_seed();
    return suite_run("mmio", tests);
}
