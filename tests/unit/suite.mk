# SPDX-License-Identifier: MIT
# What the host tests of dom/ and hvm/ share: one program a file of TESTS, over the headers of fake_hw, with the sources
# NAME_SRC and the linker's options NAME_LD. Included last. `make run` ends with "N passed, N failed".
O ?= ../../../build/tests/unit/$(notdir $(CURDIR))
TREE ?= ../../../hypervisor
CC ?= gcc
CPPFLAGS := -I../fake_hw -I.. -I$(TREE) -I$(TREE)/include -DWIRT_HOST -DWIRT_DEBUG
CFLAGS := -std=gnu11 -O1 -g -mcx16 -fno-omit-frame-pointer -Wall -Wextra -Werror -Wshadow -Wvla
SAN := -fsanitize=address,undefined -fno-sanitize-recover=undefined
LOG_SRC = $(addprefix $(TREE)/lib/,log.c fmt.c string.c)

all: $(TESTS:%=$(O)/test_%)
.SECONDEXPANSION:
$(O)/test_%: test_%.c $$(%_SRC) ../suite.h $(wildcard *.h $(TREE)/dom/guest.c $(TREE)/hvm/*.c $(TREE)/*/*.h $(TREE)/*/*/*.h ../fake_hw/*/*.h)
	@mkdir -p $(@D)
	@$(CC) $(CPPFLAGS) $(CFLAGS) $(SAN) -o $@ $< $($*_SRC) $($*_LD) -lcunit -lpthread

run: all
	@for t in $(TESTS); do timeout 300 $(O)/test_$$t > $(O)/$$t.log 2>&1 || echo "$$t: status $$?" >> $(O)/$$t.log; \
		cat $(O)/$$t.log; done; \
	awk '/^[0-9]+ passed, [0-9]+ failed$$/ { p += $$1; f += $$3; n++ } \
		END { f += $(words $(TESTS)) - n; print p + 0 " passed, " f + 0 " failed"; exit f > 0 }' $(TESTS:%=$(O)/%.log)

.PHONY: all run
