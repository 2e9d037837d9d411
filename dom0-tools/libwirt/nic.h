/* SPDX-License-Identifier: MIT */
/* Network cards: for libwirt's own files and the tests. */
#ifndef WIRT_NIC_H
#define WIRT_NIC_H

#include <stdint.h>

#include "wirt.h"

/* The address of a card that was given none: 00:16:3e and 23 bits of the domain's UUID and the card's index. */
void nic_mac(const uint8_t uuid[16], uint32_t index, uint8_t mac[6]);
/* All cards of a configuration, before anything is built. */
int nic_check(struct wirt *w, const struct wirt_config *c);

#endif
