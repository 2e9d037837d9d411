/*
 * SPDX-License-Identifier: MIT
 *
 * Our side of the comparison: every header of hypervisor/include/public, and
 * none of libxen-dev's. The list of includes is generated from the directory.
 */
#include "headers.inc"

#define TABLE table_wirt
#include "table.h"
