/* SPDX-License-Identifier: MIT */
/*
 * The virtual address space, in one place, usable from C, assembler and the
 * linker script. L4 slots 256..271 are Wirt's in every address space; their
 * sixteen L4 entries are fixed before the first guest exists and never change.
 *   256 M2P, read-only, the one part that guests may read
 *   257 frame table     258 windows: ioremap, per-CPU GDT/LDT, stubs
 *   259 Wirt's image    260..271 direct map of all RAM (6 TiB)
 */
#ifndef WIRT_HW_LAYOUT_H
#define WIRT_HW_LAYOUT_H

#ifdef __ASSEMBLER__
#define ADDR(x) x
#else
#define ADDR(x) x##ul
#endif

#define HV_START      ADDR(0xffff800000000000)
#define HV_END        ADDR(0xffff880000000000) /* first address behind */
#define HV_SLOT       256
#define HV_SLOT_COUNT 16
#define M2P_START     ADDR(0xffff800000000000)
#define FRAMES_START  ADDR(0xffff808000000000)
#define WINDOW_START  ADDR(0xffff810000000000)
#define IMAGE_START   ADDR(0xffff818000000000)
#define IMAGE_LINK    ADDR(0xffff818000200000) /* physical 0x200000 unless GRUB moves it */
#define DIRECT_START  ADDR(0xffff820000000000)
#define DIRECT_END    ADDR(0xffff880000000000)

/* Inside slot 258. Each CPU has a window of 64 KiB GDT + 64 KiB LDT: guest frames are mapped there
 * when a vCPU is loaded, so that all address spaces share the sixteen slots. */
#define GDT_WINDOW        WINDOW_START
#define GDT_WINDOW_STRIDE ADDR(0x20000)
#define LDT_WINDOW_OFFSET ADDR(0x10000)
#define IOREMAP_START     ADDR(0xffff810040000000)
#define IOREMAP_END       ADDR(0xffff810060000000) /* its tables are made at boot: no allocation under spin locks */

#define STACK_ORDER 3
#define STACK_SIZE  0x8000 /* aligned; pages 0-3: NMI, #MC, #DF, #DB stacks, 4-7: the CPU's stack */

#define CPU_MAX 64 /* supported CPUs; more in the MADT is one clear error, see boot */

/* Selectors. The reserved GDT page is the fifteenth; its first entries are part of the ABI
 * (public/arch.h): 0xe023 32-bit code, 0xe02b data, 0xe033 64-bit code, all ring 3. */
#define SEL_HV_CS         0xe008
#define SEL_USER32        0xe023
#define SEL_USER_DS       0xe02b
#define SEL_USER_CS       0xe033
#define SEL_TSS           0xe040
#define SEL_LDT           0xe050
#define GDT_RESERVED_PAGE 14
#define GDT_RESERVED_BASE 0xe000
#define GDT_LIMIT         0xe7ff /* the TSS begins behind it: its bytes are no descriptors */

#endif
