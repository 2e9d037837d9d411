/* SPDX-License-Identifier: MIT */
/*
 * The page in which a guest's kernel leaves the end of its log when it panics (guest-patches): "crashlog", a length,
 * four bytes of zero, the text. Its frame's number stands in the guest's own data/crash-page. All of it is the guest's
 * to write: the page is copied once, and what is made of the copy is bounded and printable.
 */
#ifndef WIRTD_CRASH_H
#define WIRTD_CRASH_H

#include <stddef.h>
#include <stdint.h>

#define CRASH_PAGE   4096
#define CRASH_HEAD   16
#define CRASH_TEXT   (2 * (CRASH_PAGE - CRASH_HEAD))
#define CRASH_REASON 160

/* The text with "\r\n" at the end of each line; how much, 0: the page holds no report. */
size_t crash_text(const unsigned char page[CRASH_PAGE], char text[CRASH_TEXT]);
/* Its first line about a panic, or its last line, without the time; empty if there is none. */
void crash_reason(const char *text, size_t count, char reason[CRASH_REASON]);

#endif
