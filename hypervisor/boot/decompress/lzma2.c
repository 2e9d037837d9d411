/* SPDX-License-Identifier: MIT */
/*
 * LZMA2 into one flat buffer, which is the dictionary too: no window, no second copy, no way to be
 * interrupted. Why not liblzma, which links as well: it wants 32 MiB more memory for a window and
 * takes twice the instructions, and unpacking the kernel is the longest part of the boot. Speed
 * comes from the range coder living in registers and from checking bounds once a symbol: a symbol
 * takes at most 20 bytes of input, so an overrun within LZMA2_TAIL is seen before it matters. Every
 * distance is checked against what was written, every length against the room that is left. Format:
 * the LZMA specification (7-zip.org) and the LZMA2 chunk layout of the .xz documentation.
 */
#include "boot/decompress/decompress.h"

#define STATES    12
#define POS_MAX   16
#define PROB_HALF 1024
#define inline_   static inline __attribute__((always_inline))

struct length_coder {
    u16 choice[2], low[POS_MAX][8], mid[POS_MAX][8], high[256];
};

struct lzma {
    /* probabilities of a 0 bit in 1/2048; all start at one half */
    u16 is_match[STATES][POS_MAX], is_rep[STATES], is_rep0[STATES], is_rep1[STATES], is_rep2[STATES],
        is_rep0_long[STATES][POS_MAX];
    u16 slot[4][64], special[128], align[16];
    struct length_coder match, rep;
    u16 literal[0x300 << 4];
    /* not probabilities */
    u32 state, dist[4]; /* dist: the last four distances minus 1 */
    u32 lc, lp_mask, pb_mask;
    bool has_props;
};
_Static_assert(sizeof(struct lzma) <= LZMA2_STATE_SIZE, "decompress.h knows the size");

/* range coder: the caller keeps it in local variables */
struct range_coder {
    u32 range, code;
    const u8 *in;
};

inline_ void rc_fill(struct range_coder *r)
{
    if (__builtin_expect(r->range < (1u << 24), 0)) {
        r->range <<= 8;
        r->code = (r->code << 8) | *r->in++;
    }
}

inline_ u32 rc_bit(struct range_coder *r, u16 *prob)
{
    u32 p = *prob, bound;

    rc_fill(r);
    bound = (r->range >> 11) * p;
    if (r->code < bound) {
        r->range = bound;
        *prob = (u16)(p - (u32)(((s32)p - 2017) >> 5)); /* p + (2048 - p) / 32 */
        return 0;
    }
    r->range -= bound;
    r->code -= bound;
    *prob = (u16)(p - (p >> 5));
    return 1;
}

/* As rc_bit, one level down a tree: node -> child. */
#define RC_NODE(r, tree, node)                                                                                         \
    do {                                                                                                               \
        if (rc_bit(r, (tree) + (node)))                                                                                \
            (node) = (node) + (node) + 1;                                                                              \
        else                                                                                                           \
            (node) = (node) + (node);                                                                                  \
    } while (0)

inline_ u32 rc_tree3(struct range_coder *r, u16 *tree)
{
    u32 n = 1;

    RC_NODE(r, tree, n);
    RC_NODE(r, tree, n);
    RC_NODE(r, tree, n);
    return n - 8;
}

inline_ u32 rc_tree6(struct range_coder *r, u16 *tree)
{
    u32 n = 1;

    RC_NODE(r, tree, n);
    RC_NODE(r, tree, n);
    RC_NODE(r, tree, n);
    RC_NODE(r, tree, n);
    RC_NODE(r, tree, n);
    RC_NODE(r, tree, n);
    return n - 64;
}

/* Eight levels: a literal, or a long length. Returns the leaf, 256..511. */
inline_ u32 rc_tree8(struct range_coder *r, u16 *tree)
{
    u32 n = 1;

    RC_NODE(r, tree, n);
    RC_NODE(r, tree, n);
    RC_NODE(r, tree, n);
    RC_NODE(r, tree, n);
    RC_NODE(r, tree, n);
    RC_NODE(r, tree, n);
    RC_NODE(r, tree, n);
    RC_NODE(r, tree, n);
    return n;
}

/* Least significant bit first. */
inline_ u32 rc_reverse(struct range_coder *r, u16 *tree, u32 bits)
{
    u32 n = 1, value = 0;

    for (u32 i = 0; i < bits; i++) {
        u32 bit = rc_bit(r, tree + n);

        n = n + n + bit;
        value |= bit << i;
    }
    return value;
}

inline_ u32 rc_direct(struct range_coder *r, u32 bits)
{
    u32 value = 0;

    do {
        u32 is_zero;

        rc_fill(r);
        r->range >>= 1;
        r->code -= r->range;
        is_zero = 0u - (r->code >> 31); /* all ones if it went below zero */
        r->code += r->range & is_zero;
        value = value + value + is_zero + 1;
    } while (--bits);
    return value;
}

inline_ u32 lzma_length(struct range_coder *r, struct length_coder *l, u32 pos)
{
    if (!rc_bit(r, &l->choice[0]))
        return 2 + rc_tree3(r, l->low[pos]);
    if (!rc_bit(r, &l->choice[1]))
        return 10 + rc_tree3(r, l->mid[pos]);
    return 18 + rc_tree8(r, l->high) - 256;
}

/* A literal behind a match: the byte at the last distance, which it is not, guides the bits up to
 * the first that differs. */
inline_ u32 lzma_matched_literal(struct range_coder *r, u16 *tree, u32 guide)
{
    u32 n = 1;

    do {
        u32 want;

        guide <<= 1;
        want = guide & 0x100;
        if (rc_bit(r, tree + 0x100 + want + n)) {
            n = n + n + 1;
            if (!want)
                break;
        } else {
            n = n + n;
            if (want)
                break;
        }
    } while (n < 0x100);
    while (n < 0x100)
        RC_NODE(r, tree, n);
    return n;
}

inline_ u32 lzma_distance(struct range_coder *r, struct lzma *s, u32 length)
{
    u32 slot = rc_tree6(r, s->slot[length < 6 ? length - 2 : 3]);
    u32 bits, base;

    if (slot < 4)
        return slot;
    bits = (slot >> 1) - 1;
    base = (2 | (slot & 1)) << bits;
    if (slot < 14)
        return base + rc_reverse(r, s->special + base - slot, bits);
    base += rc_direct(r, bits - 4) << 4;
    return base + rc_reverse(r, s->align, 4);
}

/* The distance of a repeated match goes to the front of the four; returns the length. */
inline_ u32 lzma_repeat(struct range_coder *r, struct lzma *s, u32 *dist0, u32 pos)
{
    u32 state = s->state, d;

    if (!rc_bit(r, &s->is_rep0[state])) {
        if (!rc_bit(r, &s->is_rep0_long[state][pos])) {
            s->state = state < 7 ? 9 : 11;
            return 1;
        }
    } else {
        if (!rc_bit(r, &s->is_rep1[state])) {
            d = s->dist[1];
        } else {
            if (!rc_bit(r, &s->is_rep2[state])) {
                d = s->dist[2];
            } else {
                d = s->dist[3];
                s->dist[3] = s->dist[2];
            }
            s->dist[2] = s->dist[1];
        }
        s->dist[1] = *dist0;
        *dist0 = d;
    }
    s->state = state < 7 ? 8 : 11;
    return lzma_length(r, &s->rep, pos);
}

/* length bytes from `back` bytes before out; room: writable bytes behind out, at least length. May
 * write up to 7 more. */
inline_ void lzma_copy(u8 *out, u64 back, u64 length, u64 room)
{
    const u8 *from = out - back;
    u8 *end = out + length;

    if (back >= 8 && room >= length + 8) {
        do {
            u64 v;

            __builtin_memcpy(&v, from, 8);
            __builtin_memcpy(out, &v, 8);
            from += 8;
            out += 8;
        } while (out < end);
    } else if (back == 1 && room >= length + 8) {
        u64 v = *from * 0x0101010101010101ull;

        do {
            __builtin_memcpy(out, &v, 8);
            out += 8;
        } while (out < end);
    } else {
        do
            *out++ = *from++;
        while (out < end);
    }
}

struct chunk {
    const u8 *in, *in_end;
    u8 *base, *out, *out_end; /* base: where the dictionary began */
    u64 slack;                /* writable bytes behind out_end */
};

/* One chunk of compressed symbols; c->in and c->out move on. */
static const char *lzma_chunk(struct lzma *s, struct chunk *c)
{
    u8 *out = c->out, *const base = c->base, *const out_end = c->out_end;
    const u8 *const in_end = c->in_end;
    struct range_coder r = {~0u, 0, c->in + 5};
    u32 dist0 = s->dist[0], previous = out > base ? out[-1] : 0;
    u32 lc = s->lc;

    r.code = ((u32)c->in[1] << 24) | ((u32)c->in[2] << 16) | ((u32)c->in[3] << 8) | c->in[4];
    while (out < out_end) {
        u32 at = (u32)(out - base), pos = at & s->pb_mask, state = s->state, length;

        if (__builtin_expect(r.in > in_end, 0))
            return "the xz data is corrupt: a chunk ends in the middle of a symbol";
        if (!rc_bit(&r, &s->is_match[state][pos])) {
            u16 *tree = s->literal + 0x300 * (((at & s->lp_mask) << lc) + (previous >> (8 - lc)));

            if (state < 7) {
                s->state = state < 4 ? 0 : state - 3;
                previous = rc_tree8(&r, tree) & 0xff;
            } else {
                s->state = state < 10 ? state - 3 : state - 6;
                previous = lzma_matched_literal(&r, tree, out[-(s64)dist0 - 1]) & 0xff;
            }
            *out++ = (u8)previous;
            continue;
        }
        if (!rc_bit(&r, &s->is_rep[state])) {
            s->state = state < 7 ? 7 : 10;
            s->dist[3] = s->dist[2];
            s->dist[2] = s->dist[1];
            s->dist[1] = dist0;
            length = lzma_length(&r, &s->match, pos);
            dist0 = lzma_distance(&r, s, length);
        } else {
            length = lzma_repeat(&r, s, &dist0, pos);
        }
        if (dist0 >= (u64)(out - base))
            return "the xz data is corrupt: a distance points before the first byte";
        if (length > (u64)(out_end - out))
            return "the xz data is corrupt: a match is longer than its chunk";
        lzma_copy(out, (u64)dist0 + 1, length, (u64)(out_end - out) + c->slack);
        out += length;
        previous = out[-1];
    }
    rc_fill(&r);
    if (c->in[0] != 0 || r.code != 0 || r.in != in_end)
        return "the xz data is corrupt: a chunk's symbols do not end where the chunk does";
    s->dist[0] = dist0;
    c->out = out;
    c->in = in_end;
    return NULL;
}

static void lzma_reset(struct lzma *s)
{
    u16 *p = &s->is_match[0][0];

    for (u64 i = 0; i < offsetof(struct lzma, state) / sizeof(*p); i++)
        p[i] = PROB_HALF;
    s->state = s->dist[0] = s->dist[1] = s->dist[2] = s->dist[3] = 0;
}

static bool lzma_set_props(struct lzma *s, u32 byte)
{
    u32 lc = byte % 9, lp = byte / 9 % 5, pb = byte / 45;

    if (byte > 224 || lc + lp > 4)
        return false;
    s->lc = lc;
    s->lp_mask = (1u << lp) - 1;
    s->pb_mask = (1u << pb) - 1;
    s->has_props = true;
    return true;
}

/* A compressed chunk's header from `control` on; the chunk is decoded into c. */
static const char *lzma2_compressed(struct lzma *s, struct chunk *c, const u8 *end, u8 *dst_end)
{
    u32 control = c->in[0], reset = (control >> 5) & 3, header = reset >= 2 ? 6 : 5;
    u64 made, packed;

    if ((u64)(end - c->in) < header)
        return "the xz data is truncated: it ends within a chunk header";
    made = (((u64)control & 0x1f) << 16) + ((u64)c->in[1] << 8) + c->in[2] + 1;
    packed = ((u64)c->in[3] << 8) + c->in[4] + 1;
    if (reset >= 2 && !lzma_set_props(s, c->in[5]))
        return "the xz data is corrupt: a chunk has impossible lc/lp/pb properties";
    if (!s->has_props)
        return "the xz data is corrupt: the first chunk gives no properties";
    if (reset >= 1)
        lzma_reset(s);
    c->in += header;
    if (packed > (u64)(end - c->in) || packed < 5)
        return "the xz data is truncated: it ends within a chunk";
    if (made > (u64)(dst_end - c->out))
        return "the xz data unpacks to more than its length says";
    c->in_end = c->in + packed;
    c->out_end = c->out + made;
    c->slack = (u64)(dst_end - c->out_end);
    return lzma_chunk(s, c);
}

const char *lzma2_decode(const u8 *src, u64 src_size, u8 *dst, u64 dst_size, void *state, u64 *used, u64 *made)
{
    struct lzma *s = state;
    struct chunk c = {.in = src, .out = dst};
    const u8 *end = src + src_size;
    const char *error = NULL;

    s->has_props = false;
    while (!error) {
        u32 control;
        u64 n;

        if (c.in == end)
            return "the xz data is truncated: it ends without an end marker";
        control = *c.in;
        if (control == 0)
            break;
        if (control >= 0xe0 || control == 1)
            c.base = c.out;
        if (!c.base)
            return "the xz data is corrupt: the first chunk does not start a dictionary";
        if (control >= 0x80) {
            error = lzma2_compressed(s, &c, end, dst + dst_size);
            continue;
        }
        if (control > 2)
            return "the xz data is corrupt: a chunk has an unknown type";
        if (end - c.in < 3)
            return "the xz data is truncated: it ends within a chunk header";
        n = ((u64)c.in[1] << 8) + c.in[2] + 1;
        c.in += 3;
        if (n > (u64)(end - c.in) || n > dst_size - (u64)(c.out - dst))
            return "the xz data is corrupt: a stored chunk is longer than what is left";
        __builtin_memcpy(c.out, c.in, n);
        c.in += n;
        c.out += n;
    }
    *used = (u64)(c.in - src) + 1;
    *made = (u64)(c.out - dst);
    return error;
}
