/* SPDX-License-Identifier: MIT */
/*
 * Included before every file by the Makefile: everything is linked into one image, so every symbol, also a declared
 * one, is reached relative to rip and never through a global offset table.
 */
#pragma GCC visibility push(hidden)
