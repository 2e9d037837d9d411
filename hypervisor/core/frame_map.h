/* SPDX-License-Identifier: MIT */
/*
 * Between core/frame.c and boot/frame.c, which makes the frame table and the M2P: where they have memory behind them.
 * Everything but the counts is sealed when dom0 starts.
 */
#ifndef WIRT_CORE_FRAME_MAP_H
#define WIRT_CORE_FRAME_MAP_H

#include "core/frame.h"

#define FRAME_CHUNK     (1ull << FRAME_CHUNK_SHIFT)
#define FRAME_CHUNK_MAX ((DIRECT_END - DIRECT_START) >> (PAGE_SHIFT + FRAME_CHUNK_SHIFT))
#define M2P_SHIFT       18 /* frames of one 2 MiB page of M2P */
#define M2P_PAGE_MAX    ((FRAME_CHUNK_MAX << FRAME_CHUNK_SHIFT) >> M2P_SHIFT)

extern u64 frame_chunk_map[FRAME_CHUNK_MAX / 64]; /* bit = a chunk with RAM */
extern u32 frame_m2p_page[M2P_PAGE_MAX];          /* first frame of each page of M2P, 0 = hole */
extern struct frame_stats frame_count;            /* guarded by frame.c's lock once CPUs are many */

#endif
