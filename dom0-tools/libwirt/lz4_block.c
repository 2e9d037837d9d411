/* SPDX-License-Identifier: MIT */
/*
 * A decoder for blocks of LZ4 that knows what the library cannot: that the memory it fills is fresh, and so zero. More
 * than half of an unpacked kernel is long runs, most of them of zeroes; those are passed over here, and other runs are
 * copied 16 bytes at a time. Most sequences are short, and far from both ends: they take a way with one check for each
 * end and no loop. The rest goes byte by byte, with every bound checked. Format: LZ4 block format, 2022.
 */
#include "lz4_block.h"

#include <emmintrin.h>
#include <stdbool.h>
#include <string.h>

#define MATCH_MIN  4u
#define SRC_MARGIN 20 /* a token, 16 bytes read for literals, an offset */
#define DST_MARGIN 64 /* two short runs, and what they write too much */
#define OVERSHOOT  16 /* what may be written behind the output's end; from there on all is zero */

static inline void copy16(uint8_t *to, const uint8_t *from)
{
    _mm_storeu_si128((__m128i *)(void *)to, _mm_loadu_si128((const __m128i *)(const void *)from));
}

struct state {
    const uint8_t *in, *in_end;
    uint8_t *out, *start, *out_end;
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

/* A run that repeats the last `distance` bytes. */
static bool copy_run(struct state *s, size_t distance, size_t length)
{
    uint8_t *out = s->out, *end;

    if (distance == 0 || distance > (size_t)(out - s->start) || length > (size_t)(s->out_end - out))
        return false;
    s->out = end = out + length;
    if (distance == 1 && out[-1] == 0) {
        memset(out, 0, length < OVERSHOOT ? length : OVERSHOOT);
        return true;
    }
    if (s->out_end - end < OVERSHOOT) {
        for (; out < end; out++)
            *out = out[-(ptrdiff_t)distance];
        return true;
    }
    if (distance < 16) { /* until some periods are 16 bytes */
        for (int i = 0; i < 16 && out < end; i++, out++)
            *out = out[-(ptrdiff_t)distance];
        distance *= (15 + distance) / distance;
    }
    for (; out < end; out += 16)
        copy16(out, out - distance);
    return true;
}

/* A sequence with every bound checked. false: damaged. After the last one in == in_end. */
static bool any_sequence(struct state *s)
{
    uint8_t token = *s->in++;
    size_t literals = token >> 4, length = (token & 15u) + MATCH_MIN, distance;

    if (literals == 15 && !read_length(s, &literals))
        return false;
    if (literals > (size_t)(s->in_end - s->in) || literals > (size_t)(s->out_end - s->out))
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

/* Short sequences far from both ends; stops before the first that is not. */
static void short_sequences(struct state *s)
{
    const uint8_t *in = s->in, *in_end;
    uint8_t *out = s->out, *out_end;

    if (s->in_end - in < SRC_MARGIN || s->out_end - out < DST_MARGIN)
        return;
    in_end = s->in_end - SRC_MARGIN;
    out_end = s->out_end - DST_MARGIN;
    while (in < in_end && out < out_end) {
        unsigned int token = *in, literals = token >> 4, length = token & 15;
        uint16_t distance;
        uint8_t *run;

        if (literals == 15 || length == 15)
            break;
        memcpy(&distance, in + 1 + literals, 2);
        run = out + literals;
        if (distance < 16 || distance > run - s->start)
            break;
        copy16(out, in + 1);
        copy16(run, run - distance);
        memcpy(run + 16, run + 16 - distance, 2);
        in += 3 + literals;
        out = run + length + MATCH_MIN;
    }
    s->in = in;
    s->out = out;
}

long lz4_block(const uint8_t *src, size_t size, uint8_t *dst, size_t room)
{
    struct state s = {src, src + size, dst, dst, dst + room};

    while (s.in < s.in_end) {
        short_sequences(&s);
        if (!any_sequence(&s))
            return -1;
    }
    return s.out - dst;
}
