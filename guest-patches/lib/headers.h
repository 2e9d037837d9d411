/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Theory: the headers that most files of Linux read, 100,000 lines with all that they include, compiled once (kernel.sh)
 * and taken up by cc. None may use the name of the file or the module that it is compiled for in a function:
 * net/flow_offload.h does, and net/tcp.h and linux/filter.h with it. names.h gives the names afterwards.
 */
#include <linux/kconfig.h>

/* Stands in an object with a function of these headers that prints: cc compiles its file without them. */
#define pr_fmt(text) "LATE_prefix" text
#define dev_fmt(text) "LATE_prefix" text

#include <linux/compiler_types.h>
#include <linux/module.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/fs.h>
#include <linux/device.h>
#include <linux/interrupt.h>
#include <linux/uaccess.h>
#include <linux/seq_file.h>
#include <linux/highmem.h>
#include <linux/memcontrol.h>
#include <linux/blkdev.h>
#include <linux/security.h>
#include <linux/pci.h>
#include <linux/acpi.h>
#include <linux/etherdevice.h>
#include <net/sock.h>
#include <net/ip.h>
#include <net/ipv6.h>
#include <net/route.h>
#include <net/netlink.h>
