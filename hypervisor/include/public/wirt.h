/*
 * SPDX-License-Identifier: MIT
 *
 * What Wirt answers beside Xen's ABI: commands under numbers that Xen 4.17 does
 * not use, for the tools of the control domain. Another hypervisor says -ENOSYS.
 */
#ifndef WIRT_PUBLIC_WIRT_H
#define WIRT_PUBLIC_WIRT_H

/* domctl: what keeps the frames of `domain`, dying ones above all. */
#define WIRT_DOMCTL_uses 128
struct wirt_domctl_uses {
    unsigned short user; /* IN: a domain that may map its grants; -ESRCH: there is none */
    unsigned short pad[3];
    unsigned long mappings; /* OUT: how many grants of it the user maps now, */
    unsigned long frames;   /* and how many frames it still has, whoever holds them */
};

#endif
