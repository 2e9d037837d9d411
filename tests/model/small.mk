# SPDX-License-Identifier: MIT
# What the models of single parts share: the sources that HV_SRC names, compiled unchanged for the host over ../unit/fake_hw,
# under ASan and UBSan, and the model's own (MINE). Included from a directory here that says which, and how many OPS.
O ?= ../../../build/tests/model/$(MODEL)
TREE ?= ../../../hypervisor
SRC ?= $(TREE)
CC ?= gcc
SEEDS ?= 4
CPPFLAGS := -I../../unit/fake_hw -I$(SRC) -I$(TREE) -I$(TREE)/include -DWIRT_HOST -DWIRT_DEBUG
CFLAGS := -std=gnu11 -O1 -g -mcx16 -fno-omit-frame-pointer -Wall -Wextra -Werror -Wshadow -Wvla -Wno-unused-parameter
SAN := -fsanitize=address,undefined -fno-sanitize-recover=undefined
LDFLAGS := $(WRAPPED:%=-Wl,--wrap=%)
OBJ := $(HV_SRC:%.c=$(O)/hv/%.o) $(MINE:%.c=$(O)/%.o) $(O)/fake.o
export ASAN_OPTIONS := detect_leaks=0:detect_stack_use_after_return=0

all: $(O)/model
$(O)/hv/%.o: $(SRC)/%.c
	@mkdir -p $(@D)
	@$(CC) $(CPPFLAGS) $(CFLAGS) $(SAN) -MMD -MP -c -o $@ $<
$(O)/fake.o: ../../unit/fake_hw/fake.c
	@mkdir -p $(@D)
	@$(CC) -I../../unit $(CPPFLAGS) $(CFLAGS) $(SAN) -MMD -MP -c -o $@ $<
$(O)/%.o: %.c
	@mkdir -p $(@D)
	@$(CC) -I../../unit $(CPPFLAGS) $(CFLAGS) $(SAN) -MMD -MP -c -o $@ $<
$(O)/model: $(OBJ)
	@$(CC) $(SAN) $(LDFLAGS) -o $@ $(OBJ)

run: all
	@timeout 600 $(O)/model $(SEEDS) $(OPS)

mutate:
	@MODEL=$(MODEL) OPS=$(OPS) ../mutate.sh $(O)/mutate $(TREE)

-include $(OBJ:.o=.d)
.PHONY: all run mutate
