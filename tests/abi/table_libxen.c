/*
 * SPDX-License-Identifier: MIT
 *
 * The other side of the comparison: the headers of libxen-dev, and none of ours.
 * __XEN_TOOLS__ unlocks domctl, sysctl and the register names without
 * e-prefixes, and selects the newest interface version. A name of ours that is
 * missing here stops the build: that is a failure like any other.
 */
#define __XEN_TOOLS__ 1

#include <stdint.h>
#include <xen/xen.h>

#include <xen/arch-x86/cpuid.h>
#include <xen/arch-x86/hvm/start_info.h>
#include <xen/arch-x86/xen-mca.h>
#include <xen/callback.h>
#include <xen/domctl.h>
#include <xen/elfnote.h>
#include <xen/event_channel.h>
#include <xen/features.h>
#include <xen/grant_table.h>
#include <xen/hvm/hvm_op.h>
#include <xen/hvm/params.h>
#include <xen/hvm/save.h>
#include <xen/io/console.h>
#include <xen/io/xs_wire.h>
#include <xen/memory.h>
#include <xen/nmi.h>
#include <xen/physdev.h>
#include <xen/platform.h>
#include <xen/sched.h>
#include <xen/sysctl.h>
#include <xen/vcpu.h>
#include <xen/version.h>

#define TABLE table_libxen
#include "table.h"
