/* SPDX-License-Identifier: MIT */
/*
 * A decoder for blocks of LZ4 that knows what the library cannot: that the memory it fills is fresh, and so zero, and
 * dear, as it is mapped for this. More than half of an unpacked kernel is long runs of zeroes, which are passed over,
 * so their pages are never asked for. Three ways, each for what the one before leaves: short sequences, which take one
 * look in a table and 20 instructions each; any that are far from both ends; and, with every bound checked, the rest,
 * where memory is asked for too. Format: LZ4 block format, 2022.
 */
#include "lz4_block.h"

#include <emmintrin.h>
#include <stdbool.h>
#include <string.h>

#define MATCH_MIN  4u
#define OVERSHOOT  16 /* what may be written behind the output's end; from there on all is zero */
#define QUICK_IN   34 /* a token, 16 bytes of literals, an offset; or what is read too much of many literals */
#define QUICK_OUT  48 /* 14 literals and a run of 16, and what is written too much */
#define SHORT_ROOM 32 /* 17 bytes at most in, 30 out */
#define EARLY      65536

static inline void copy8(uint8_t *to, const uint8_t *from)
{
    uint64_t word;

    memcpy(&word, from, 8);
    memcpy(to, &word, 8);
}

static inline void copy16(uint8_t *to, const uint8_t *from)
{
    _mm_storeu_si128((__m128i *)(void *)to, _mm_loadu_si128((const __m128i *)(const void *)from));
}

struct state {
    const uint8_t *in, *in_end;
    uint8_t *out, *start, *out_end, *ready; /* ready: writable to here, out_end at most */
    struct lz4_memory *memory;
};

/* A length that goes on in further bytes. */
static bool read_length(struct state *s, size_t *length)
{
    uint8_t more;

    do {
        if (s->in == s->in_end)
            return false;
        more = *s->in++;
        *length += more;
    } while (more == 255);
    return true;
}

/* `bytes` and OVERSHOOT more can be written at the output's end; less only where the room ends. */
static bool make_ready(struct state *s, size_t bytes)
{
    size_t left = (size_t)(s->out_end - s->out);
    uint8_t *end = s->out + (left < bytes + OVERSHOOT ? left : bytes + OVERSHOOT);

    if (end <= s->ready)
        return true;
    s->memory->ready = s->memory->open(s->memory->arg, s->memory->ready > s->out ? s->memory->ready : s->out, end);
    if (!s->memory->ready)
        return false;
    s->ready = s->memory->ready < s->out_end ? s->memory->ready : s->out_end;
    return true;
}

/* Zeroes are there already, but for what was written too far. */
static void pass_zeroes(struct state *s, size_t length)
{
    size_t dirty = (size_t)(s->ready > s->out ? s->ready - s->out : 0);

    dirty = dirty < OVERSHOOT ? dirty : OVERSHOOT;
    memset(s->out, 0, length < dirty ? length : dirty);
    s->out += length;
}

/* A run that repeats the last `distance` bytes. */
static bool copy_run(struct state *s, size_t distance, size_t length)
{
    uint8_t *out = s->out, *end;

    if (distance == 0 || distance > (size_t)(out - s->start) || length > (size_t)(s->out_end - out))
        return false;
    if (distance == 1 && out[-1] == 0) {
        pass_zeroes(s, length);
        return true;
    }
    if (!make_ready(s, length))
        return false;
    s->out = end = out + length;
    if (distance < 16) { /* until some periods are 16 bytes */
        for (int i = 0; i < 16 && out < end; i++, out++)
            *out = out[-(ptrdiff_t)distance];
        distance *= (15 + distance) / distance;
    }
    for (; out < end && s->ready - out >= 16; out += 16)
        copy16(out, out - distance);
    for (; out < end; out++)
        *out = out[-(ptrdiff_t)distance];
    return true;
}

/* A sequence with every bound checked. false: damaged, or no memory. After the last one in == in_end. Not inline, as it
 * would take registers from the loop of the short ones. */
static __attribute__((noinline)) bool any_sequence(struct state *s)
{
    uint8_t token = *s->in++;
    size_t literals = token >> 4, length = (token & 15u) + MATCH_MIN, distance;

    if (literals == 15 && !read_length(s, &literals))
        return false;
    if (literals > (size_t)(s->in_end - s->in) || literals > (size_t)(s->out_end - s->out))
        return false;
    if (literals && !make_ready(s, literals))
        return false;
    memcpy(s->out, s->in, literals);
    s->out += literals;
    s->in += literals;
    if (s->in == s->in_end)
        return true;
    if (s->in_end - s->in < 2)
        return false;
    distance = s->in[0] | (size_t)s->in[1] << 8;
    s->in += 2;
    if (length == 15 + MATCH_MIN && !read_length(s, &length))
        return false;
    return copy_run(s, distance, length) && s->in < s->in_end;
}

/* Runs of 16, 8 or fewer bytes. What is copied is a multiple of 16 or 8 bytes. */
static inline void quick_run(uint8_t *to, size_t distance, size_t length)
{
    uint8_t *end = to + length;

    if (distance >= 16) {
        for (; to < end; to += 16)
            copy16(to, to - distance);
        return;
    }
    if (distance < 8) { /* until some periods are 8 bytes */
        for (int i = 0; i < 8; i++, to++)
            *to = to[-(ptrdiff_t)distance];
        distance *= (7 + distance) / distance;
    }
    for (; to < end; to += 8)
        copy8(to, to - distance);
}

/* The rest of a length that begins with 15. false: it does not end before in_end. */
static inline bool quick_length(const uint8_t **in, const uint8_t *in_end, size_t *length)
{
    uint8_t more = 255;

    while (more == 255 && *in < in_end) {
        more = *(*in)++;
        *length += more;
    }
    return more != 255;
}

/* A sequence far from both ends. false: it is not, or its run may be of zeroes. */
static inline bool quick_sequence(struct state *s)
{
    const uint8_t *in = s->in + 1, *in_end = s->in_end - QUICK_IN;
    ptrdiff_t literals = *s->in >> 4, room = s->ready - QUICK_OUT - s->out;
    size_t length = *s->in & 15, count = (size_t)literals, distance;
    uint8_t *run;

    if (s->in_end - in < QUICK_IN || room <= 0)
        return false;
    if (literals == 15 && !quick_length(&in, in_end, &count))
        return false;
    literals = (ptrdiff_t)count;
    if (literals >= room || (literals >= 15 && literals >= in_end - in))
        return false;
    for (ptrdiff_t i = 0; i < literals; i += 16)
        copy16(s->out + i, in + i);
    run = s->out + literals;
    in += literals + 2;
    distance = in[-2] | (size_t)in[-1] << 8;
    if (distance < 2 || (ptrdiff_t)distance > run - s->start || (length == 15 && !quick_length(&in, in_end, &length)) ||
        literals + (ptrdiff_t)length >= room)
        return false;
    quick_run(run, distance, length + MATCH_MIN);
    s->in = in;
    s->out = run + length + MATCH_MIN;
    return true;
}

/* What is no token of a short sequence: 15 literals or more, or a run of more than 16. */
#define ROW       0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1
#define FOUR_ROWS ROW, ROW, ROW, ROW
#define LONG      1, 1, 1, 1
static const uint8_t is_long[256] = {FOUR_ROWS, FOUR_ROWS, FOUR_ROWS, ROW, ROW, ROW, LONG, LONG, LONG, LONG};

/* Few literals and a longer run, as one in fourteen is, where there is room for any short one. false: it is not. */
static inline bool longer_run(const struct state *s, const uint8_t **in, uint8_t **out)
{
    size_t literals = **in >> 4, length = (**in & 15u) + MATCH_MIN;
    const uint8_t *next = *in + 3 + literals;
    uint8_t *run = *out + literals;
    uint16_t distance;

    if (literals == 15)
        return false;
    if (length == 15 + MATCH_MIN) {
        if (*next == 255)
            return false;
        length += *next++;
    }
    memcpy(&distance, *in + 1 + literals, 2);
    if (distance < 16 || s->ready - run < (ptrdiff_t)length + OVERSHOOT)
        return false;
    copy16(*out, *in + 1);
    for (size_t i = 0; i < length; i += 16)
        copy16(run + i, run + i - distance);
    *in = next;
    *out = run + length;
    return true;
}

static inline ptrdiff_t short_room(const struct state *s, const uint8_t *in, const uint8_t *out)
{
    ptrdiff_t by_in = (s->in_end - in - 1) / SHORT_ROOM, by_out = (s->ready - out) / SHORT_ROOM;

    return by_in < by_out ? by_in : by_out;
}

/* Short sequences while there is room for whatever they hold; stops before the first that is not. An offset cannot
 * reach back behind the output's start once EARLY bytes are there. */
static inline void short_sequences(struct state *s)
{
    const uint8_t *in = s->in;
    uint8_t *out = s->out;
    ptrdiff_t count = short_room(s, in, out);

    if (out - s->start < EARLY)
        return;
    while (count > 0) {
        size_t token = *in, literals = token >> 4;
        uint16_t distance;
        uint8_t *run;

        if (is_long[token]) {
            if (!longer_run(s, &in, &out))
                break;
            count = short_room(s, in, out);
            continue;
        }
        memcpy(&distance, in + 1 + literals, 2);
        copy16(out, in + 1);
        run = out + literals;
        if (distance >= 16) {
            copy16(run, run - distance);
        } else if (distance >= 8) {
            copy8(run, run - distance);
            copy8(run + 8, run + 8 - distance);
        } else {
            break;
        }
        in += 3 + literals;
        out = run + (token & 15) + MATCH_MIN;
        count--;
    }
    s->in = in;
    s->out = out;
}

long lz4_block(const uint8_t *src, size_t size, uint8_t *dst, size_t room, struct lz4_memory *m)
{
    struct state s = {src, src + size, dst, dst, dst + room, m->ready < dst + room ? m->ready : dst + room, m};

    while (s.in < s.in_end) {
        short_sequences(&s);
        if (!quick_sequence(&s) && !any_sequence(&s))
            return m->ready ? -1 : LZ4_NO_MEMORY;
    }
    return s.out - dst;
}
