/* SPDX-License-Identifier: MIT */
/* What the tests of metrics and of how they are asked for share. */
#ifndef SCRAPE_H
#define SCRAPE_H

#include "play.h"

extern char *text; /* the last exposition, or all of the last answer */

void test_addresses(void);
void test_parse(void);
void test_noise(void);
void test_server(void); /* the daemon serves already */

#endif
