/* SPDX-License-Identifier: MIT */
/*
 * The screen as a sheet of characters: VGA text memory, or a linear framebuffer onto
 * which font.c's glyphs are drawn. A shadow holds what each cell should show and what it
 * shows, so that scrolling never reads slow video memory and draws only cells that changed.
 * No lock: core/console.c serialises callers. Lent to dom0 once that runs; a form feed draws all of it anew.
 */
#include "hw/vga.h"

#include "hw/font.h"
#include "hw/cpu.h"
#include "hw/pgtab.h"
#include "lib/log.h"
#include "lib/string.h"

#define CELL_W      8u
#define CELL_H      16u
#define COLS_MAX    160u
#define ROWS_MAX    64u
#define SCROLL_STEP 8u /* framebuffer: lines that a full screen moves up at once */
#define ATTRIBUTE   0x07u

static struct vga_mode mode;
static u8 *video;
static u32 cols, rows, column, row;
static char want[ROWS_MAX][COLS_MAX], shown[ROWS_MAX][COLS_MAX];

static u32 vga_ink(void) /* light grey */
{
    u32 v = 0;
    v |= (0xc0c0u >> (16 - min(mode.red_size, 16))) << mode.red_pos;
    v |= (0xc0c0u >> (16 - min(mode.green_size, 16))) << mode.green_pos;
    v |= (0xc0c0u >> (16 - min(mode.blue_size, 16))) << mode.blue_pos;
    return v;
}

static void vga_pixels(u8 *at, u8 bits, u32 ink, u32 bytes)
{
    for (u32 x = 0; x < CELL_W; x++, at += bytes, bits = (u8)(bits << 1)) {
        u32 v = bits & 0x80u ? ink : 0;
        if (bytes == 4) {
            *(volatile u32 *)(void *)at = v;
        } else if (bytes == 2) {
            *(volatile u16 *)(void *)at = (u16)v;
        } else {
            at[0] = (u8)v;
            at[1] = (u8)(v >> 8);
            at[2] = (u8)(v >> 16);
        }
    }
}

static void vga_cell(u32 r, u32 c)
{
    char ch = want[r][c];
    shown[r][c] = ch;
    if (mode.kind == VGA_TEXT) {
        ((volatile u16 *)(void *)video)[r * cols + c] = (u16)(ATTRIBUTE << 8 | (u8)ch);
        return;
    }
    u32 bytes = mode.bpp / 8, ink = vga_ink();
    u8 *at = video + (u64)r * CELL_H * mode.pitch + (u64)c * CELL_W * bytes;
    for (u32 y = 0; y < CELL_H; y++, at += mode.pitch)
        vga_pixels(at, font_row(ch, y), ink, bytes);
}

static void vga_show(void) /* every cell that is not as it should be */
{
    for (u32 r = 0; r < rows; r++)
        for (u32 c = 0; c < cols; c++)
            if (want[r][c] != shown[r][c])
                vga_cell(r, c);
}

static void vga_cursor(void)
{
    if (mode.kind != VGA_TEXT)
        return;
    u32 at = row * cols + min(column, cols - 1);
    cpu_out16(0x3d4, (u16)(0x0e | (at & 0xff00)));
    cpu_out16(0x3d4, (u16)(0x0f | (at << 8)));
}

static void vga_clear(char now) /* now: what every cell shows */
{
    memset(want, ' ', sizeof(want));
    memset(shown, now, sizeof(shown));
    row = column = 0;
    vga_show();
}

static void vga_newline(void)
{
    column = 0;
    if (++row < rows)
        return;
    u32 step = mode.kind == VGA_TEXT ? 1 : min(SCROLL_STEP, rows - 1);
    memmove(want[0], want[step], (rows - step) * COLS_MAX);
    memset(want[rows - step], ' ', (size_t)step * COLS_MAX);
    row = rows - step;
    vga_show();
}

__init void vga_init_early(const struct vga_mode *m, void *va)
{
    mode = *m;
    video = va;
    if (mode.kind == VGA_TEXT) {
        cols = mode.width;
        rows = mode.height;
    } else if (mode.kind == VGA_FRAMEBUFFER && mode.bpp % 8 == 0 && mode.bpp >= 16 && mode.bpp <= 32 &&
               mode.pitch / (mode.bpp / 8) >= mode.width) {
        cols = mode.width / CELL_W;
        rows = mode.height / CELL_H;
    }
    cols = min(cols, COLS_MAX);
    rows = min(rows, ROWS_MAX);
    if (!video || cols < 2 || rows < 2) {
        mode.kind = VGA_NONE;
        return;
    }
    if (mode.kind == VGA_FRAMEBUFFER)
        memset(video, 0, (size_t)mode.pitch * mode.height);
    vga_clear(mode.kind == VGA_TEXT ? 0 : ' ');
    vga_cursor();
}

__init void vga_remap(void)
{
    if (mode.kind == VGA_NONE)
        return;
    u64 size = mode.kind == VGA_TEXT ? (u64)cols * rows * 2 : (u64)mode.pitch * mode.height;
    video = pgtab_ioremap(paddr(mode.base), size, mode.kind == VGA_TEXT ? HV_UC : HV_WC);
    if (!video) {
        mode.kind = VGA_NONE;
        log_warn("screen: no room to map %llu bytes at 0x%llx, it stays as it is", (unsigned long long)size,
                 (unsigned long long)mode.base);
    }
}

void vga_put(const char *s, size_t n)
{
    if (mode.kind == VGA_NONE)
        return;
    for (; n; n--, s++) {
        if (*s == '\n') {
            vga_newline();
        } else if (*s == '\f') {
            vga_clear(0);
        } else if (*s == '\r') {
            column = 0;
        } else if (*s == '\b') {
            column -= column > 0;
        } else if (*s == '\t') {
            column = min(round_up(column + 1, 8u), cols - 1);
        } else if ((u8)*s >= ' ') {
            if (column == cols)
                vga_newline();
            want[row][column] = *s;
            vga_cell(row, column++);
        }
    }
    vga_cursor();
}

const struct vga_mode *vga_mode(void)
{
    return &mode;
}
