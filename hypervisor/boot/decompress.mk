# SPDX-License-Identifier: MIT
# One relocatable object out of the decoders in boot/decompress/ and what they need of the distribution's
# zlib, libzstd and liblz4 (zlib1g-dev, libzstd-dev, liblz4-dev): only the four x_decode functions stay
# global, all sections become .init.*. The libraries are compiled with red zone, SSE and stack protector:
# boot/unpack.c says how that is made to hold. liblzma is left out with a reason, see decompress/lzma2.c.
DECOMPRESS_OBJS := $(O)/boot/decompress.o

DECOMPRESS_OWN := $(patsubst %.c,$(O)/%.o,$(sort $(wildcard boot/decompress/*.c)))
DECOMPRESS_LIBS = $(foreach l,z zstd lz4,$(shell $(CC) -print-file-name=lib$(l).a))
DECOMPRESS_CALLS := gzip_decode lz4_decode xz_decode zstd_decode
DECOMPRESS_NOTHING := malloc calloc free ZSTD_trace_decompress_begin ZSTD_trace_decompress_end
# Speed before all: no frame pointer, no split sections. -Wcast-qual is zlib's macro's.
DECOMPRESS_CFLAGS = $(filter-out -ffunction-sections -fno-omit-frame-pointer -fvisibility=hidden,$(CFLAGS)) \
	-O2 -fomit-frame-pointer

$(DECOMPRESS_OWN): $(O)/%.o: %.c
	@mkdir -p $(@D)
	@echo "CC $<"
	@$(CC) $(CPPFLAGS) $(DECOMPRESS_CFLAGS) -MMD -MP -c -o $@ $<

# Formats of zstd before 1.0 (ZSTDv05_ ...) are answered with "no": 76 KiB that parse hostile bytes.
$(DECOMPRESS_OBJS): $(DECOMPRESS_OWN) boot/decompress.mk
	@echo "LD $@"
	@for l in $(DECOMPRESS_LIBS); do test -f $$l || { \
		echo "$$l: not found; install zlib1g-dev, libzstd-dev and liblz4-dev" >&2; exit 1; }; done
	@ld -r -o $@.all $$(nm $(filter %/libzstd.a,$(DECOMPRESS_LIBS)) 2>/dev/null | \
		awk '$$2 == "T" && $$3 ~ /^(ZSTDv0|ZBUFFv0)/ { print "--defsym=" $$3 "=shim_nothing" }') \
		$(DECOMPRESS_NOTHING:%=--defsym=%=shim_nothing) --defsym=__stack_chk_fail=shim_stack_smashed \
		$(DECOMPRESS_OWN) $(DECOMPRESS_LIBS)
	@objcopy $(foreach f,$(DECOMPRESS_CALLS),--keep-global-symbol=$(f)) \
		$$(objdump -h $@.all | awk '$$2 ~ /^\.(text|rodata|data|bss)/ \
			{ print "--rename-section " $$2 "=.init" $$2 }') \
		--remove-section=.eh_frame --remove-section=.rela.eh_frame --remove-section=.comment \
		--remove-section=.note.gnu.property --remove-section=.note.GNU-stack $@.all $@
	@rm -f $@.all

-include $(DECOMPRESS_OWN:.o=.d)
