/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Theory: the second half of headers.h: what a file that takes up compiled headers is told after them, as a compiler
 * refuses them behind macros that they mention. cc passes KBUILD_X as LATE_KBUILD_X, and LATE_pr_fmt for a file that has a
 * pr_fmt of its own.
 */
#define KBUILD_MODFILE LATE_KBUILD_MODFILE
#define KBUILD_BASENAME LATE_KBUILD_BASENAME
#define KBUILD_MODNAME LATE_KBUILD_MODNAME
#define __KBUILD_MODNAME LATE___KBUILD_MODNAME

#undef pr_fmt
#ifndef LATE_pr_fmt
#define pr_fmt(text) text
#endif
#undef dev_fmt
#ifndef LATE_dev_fmt
#define dev_fmt(text) text
#endif
