/* SPDX-License-Identifier: MIT */
/* See kernel_string.h. */
#include "kernel_string.h"
#define memcpy      k_memcpy
#define memmove     k_memmove
#define memset      k_memset
#define memcmp      k_memcmp
#define memchr      k_memchr
#define strlen      k_strlen
#define strcmp      k_strcmp
#define strncmp     k_strncmp
#define strchr      k_strchr
#define strstr      k_strstr
#define str_copy    k_str_copy
#define str_to_u64  k_str_to_u64
#undef WIRT_HOST
#include "boot/string.c"
#include "lib/string.c"
