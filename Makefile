# SPDX-License-Identifier: MIT
# Wirt, top level: builds, tests, runs. Every product goes to build/. `make help` lists the targets.
# The work itself stands in hypervisor/, dom0-tools/ and tests/; this file only calls it in order.

O := $(abspath build)
HV ?= wirt
DESTDIR ?=
# Another hypervisor is tested without building ours.
ours := $(if $(filter wirt,$(HV)),all,dom0-tools)
initrd := $(O)/dom0/initrd.img
initramfs := dom0-tools/initramfs
export BUILD := $(O)

.PHONY: all hypervisor dom0-tools xenstore-lite guest-kernels deps fetch initrd tools-initrd fetch-guests run test test-matrix bench bench-domains size rooms install clean help

all: hypervisor xenstore-lite dom0-tools

hypervisor:
	@if [ -f hypervisor/Makefile ]; then $(MAKE) --no-print-directory -C hypervisor O=$(O)/hypervisor; \
	else echo "hypervisor/: nothing to build yet"; fi

dom0-tools:
	@if [ -f dom0-tools/Makefile ]; then $(MAKE) --no-print-directory -C dom0-tools O=$(O)/dom0-tools; fi

xenstore-lite:
	@if [ -f xenstore-lite/Makefile ]; then $(MAKE) --no-print-directory -C xenstore-lite O=$(O)/xenstore-lite; fi

deps:
	@tests/lib/deps.sh

fetch: deps
	@tests/lib/fetch.sh linux

fetch-guests: deps
	@tests/lib/fetch.sh linux cloud xl pvgrub

$(initrd): $(addprefix $(initramfs)/,build.sh stage.sh init modules readlog.c) $(wildcard $(initramfs)/jobs/*) \
		tests/bench/microbench.c | fetch
	@$(initramfs)/build.sh $@

initrd:
	@$(MAKE) --no-print-directory $(initrd)

# The image for domains: with the tools, and with guests to run.
$(O)/guests/initrd.img: $(initramfs)/guest.sh $(initramfs)/stage.sh $(wildcard $(initramfs)/guest/*) | fetch-guests
	@$(initramfs)/guest.sh $@

$(O)/guests/micro.elf: $(wildcard tests/guests/domu/*)
	@$(MAKE) --no-print-directory -C tests/guests/domu O=$(O)/guests

# Those that run as a hostile domU; all are made together.
$(O)/guests/hostile/sweep.elf: $(wildcard tests/guests/*/main.c tests/guests/lib/* tests/guests/Makefile)
	@$(MAKE) --no-print-directory -C tests/guests O=$(O)/tests/guests DOMU=$(O)/guests/hostile domu
	@touch $@
$(O)/dom0/tools.img: $(O)/guests/hostile/sweep.elf

$(O)/dom0/tools.img: $(initrd) $(O)/guests/initrd.img $(initramfs)/tools.sh $(initramfs)/modules.tools \
		$(O)/guests/micro.elf $(wildcard dom0-tools/daemon/*.service xenstore-lite/*.service $(initramfs)/tools/*/*) \
		$(wildcard $(O)/dom0-tools/bin/* $(O)/xenstore-lite/xenstored) | fetch-guests
	@$(initramfs)/tools.sh $@

tools-initrd: xenstore-lite dom0-tools
	@$(MAKE) --no-print-directory $(O)/dom0/tools.img

run: deps
	@$(MAKE) --no-print-directory $(ours) tools-initrd
	@HV=$(HV) tests/boot/run-shell

test: deps
	@$(MAKE) --no-print-directory all tools-initrd
	@HV=$(HV) tests/run.sh

test-matrix: deps
	@$(MAKE) --no-print-directory $(ours) tools-initrd
	@$(MAKE) --no-print-directory -C tests/boot matrix HV=$(HV)
	@$(MAKE) --no-print-directory -C tests/domains matrix HV=$(HV)
	@$(MAKE) --no-print-directory -C tests/kernels matrix HV=$(HV)
	@$(MAKE) --no-print-directory -C tests/daemon dashboard

bench: deps
	@tests/lib/fetch.sh xen
	@$(MAKE) --no-print-directory all initrd
	@FRESH=$(FRESH) tests/bench/run.sh

bench-domains: deps
	@tests/lib/fetch.sh xen
	@$(MAKE) --no-print-directory all tools-initrd
	@tests/bench/domains.sh

guest-kernels: deps
	@$(MAKE) --no-print-directory -C guest-patches

size:
	@$(MAKE) --no-print-directory -C hypervisor O=$(O)/hypervisor size

rooms:
	@$(MAKE) --no-print-directory -C tests/rooms run

install: all
	install -D -m 644 $(O)/hypervisor/wirt.gz $(DESTDIR)/boot/wirt.gz
	install -D -m 644 $(O)/hypervisor/wirt.elf $(DESTDIR)/usr/lib/debug/boot/wirt.elf
	install -D -m 755 dom0-tools/grub/20_linux_wirt $(DESTDIR)/etc/grub.d/20_linux_wirt
	@for page in dom0-tools/man/*.[1-8]; do \
	    [ -e "$$page" ] || continue; \
	    dir=$(DESTDIR)/usr/share/man/man$${page##*.}; \
	    install -d "$$dir" && gzip -n -9 -c "$$page" >"$$dir/$$(basename "$$page").gz" || exit 1; \
	    echo "man page $$dir/$$(basename "$$page").gz"; \
	done
	install -d $(DESTDIR)/usr/share/doc/wirt/docs/guide/top
	install -m 644 README.md $(DESTDIR)/usr/share/doc/wirt/
	install -m 644 LICENSE $(DESTDIR)/usr/share/doc/wirt/copyright
	install -m 644 docs/*.md docs/*.svg docs/PERFORMANCE.dat $(DESTDIR)/usr/share/doc/wirt/docs/
	install -m 644 docs/guide/*.md $(DESTDIR)/usr/share/doc/wirt/docs/guide/
	install -m 644 docs/guide/top/*.svg $(DESTDIR)/usr/share/doc/wirt/docs/guide/top/
	$(MAKE) --no-print-directory -C xenstore-lite O=$(O)/xenstore-lite DESTDIR=$(abspath $(DESTDIR)) install
	@if [ -f dom0-tools/Makefile ]; then \
	    $(MAKE) --no-print-directory -C dom0-tools O=$(O)/dom0-tools DESTDIR=$(abspath $(DESTDIR)) install; fi

# What was fetched stays; `rm -r build` drops that too.
clean:
	rm -rf $(O)/hypervisor $(O)/dom0-tools $(O)/xenstore-lite $(O)/dom0 $(O)/grub $(O)/boot $(O)/bench $(O)/tests

help:
	@echo 'make all          build the hypervisor and the tools (no root, no network)'
	@echo 'make deps         install the Debian packages that are missing, and say why (the one step that may need root)'
	@echo 'make run          boot dom0 in QEMU and end at its shell, here'
	@echo 'make test         all test rings; ends with "N passed, N failed"'
	@echo 'make test-matrix  the whole matrix of machines; HV=xen runs it with Debian'"'"'s Xen'
	@echo 'make bench        compare with native Linux and Debian'"'"'s Xen (FRESH=1: measure all again)'
	@echo 'make bench-domains  the same of guests: Wirt and its tools against Xen and xl (ONLY="linux micro")'
	@echo 'make guest-kernels  Linux guests that know Wirt: fetch, patch and build them (guest-patches/README.md)'
	@echo 'make rooms        the layering rules; make size: lines of code'
	@echo 'make install DESTDIR=DIR   lay the system out as a package would'
	@echo 'make clean        remove build products (fetched packages stay)'
