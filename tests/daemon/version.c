/* SPDX-License-Identifier: MIT */
/* The tools' version, which their Makefile makes. */
extern const char wirt_version[];
const char wirt_version[] = "test";
