/* SPDX-License-Identifier: MIT */
/*
 * Where each CPU's stack and its copy of the per-CPU variables are. boot/percpu.c makes them while the CPUs are brought
 * up; afterwards both tables are sealed.
 */
#include "hw/percpu.h"

__sealed u64 percpu_offset[CPU_MAX];
__sealed u8 *percpu_stack[CPU_MAX];
