/* SPDX-License-Identifier: MIT */
/*
 * Error numbers of the ABI (public/errno.h of Xen, which are Linux's). Functions
 * return them negated. ERESTART never reaches a guest: it asks the hypercall
 * dispatcher to run the call again from the cursor kept in the vCPU.
 */
#ifndef WIRT_LIB_ERRNO_H
#define WIRT_LIB_ERRNO_H

#define EPERM      1
#define ENOENT     2
#define ESRCH      3
#define ENXIO      6
#define E2BIG      7
#define EAGAIN     11
#define ENOMEM     12
#define EACCES     13
#define EFAULT     14
#define EBUSY      16
#define EEXIST     17
#define ENODEV     19
#define EINVAL     22
#define ENOSPC     28
#define ENOSYS     38
#define ENODATA    61
#define ETIME      62
#define ERESTART   85
#define EOPNOTSUPP 95
#define ENOBUFS    105

#endif
