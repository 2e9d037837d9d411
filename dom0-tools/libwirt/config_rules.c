/* SPDX-License-Identifier: MIT */
/*
 * The subset of libvirt's domain format that Wirt reads, as a table; how its columns are read is told in config.h.
 * Three kinds of elements: those that say how the domain is made; those that libvirt's own tools write whether one asks
 * for them or not, and that mean nothing for a paravirtual guest (`ignored` says why); and those that people may well
 * ask for and Wirt does not have (`why_not`). An element that is not here is refused as unknown.
 */
#include "config.h"

#define END                                                                                                            \
    {                                                                                                                  \
        .name = NULL                                                                                                   \
    }
#define UNITS "unit=b|bytes|KB|k|K|KiB|MB|M|MiB|GB|G|GiB|TB|T|TiB"
#define IGNORED(element, reason)                                                                                       \
    {                                                                                                                  \
        .name = element, .is_any = true, .is_many = true, .ignored = reason                                            \
    }
#define NOTED(element, reason)                                                                                         \
    {                                                                                                                  \
        .name = element, .is_any = true, .is_many = true, .ignored = reason, .is_noted = true                          \
    }
#define NOT(element, reason)                                                                                           \
    {                                                                                                                  \
        .name = element, .is_any = true, .is_many = true, .why_not = reason                                            \
    }

static const struct rule os[] = {
    {.name = "type", .attributes = "arch=x86_64 machine=xenpv|xenpvh", .text = "linux|xen", .is_needed = true},
    {.name = "kernel", .text = "@path"},
    {.name = "initrd", .text = "@path"},
    {.name = "cmdline", .text = "@any"},
    {.name = "boot", .attributes = "!dev=hd", .is_many = true, .ignored = "pv-grub looks at the disks in their order"},
    NOT("root", "write root=... into <cmdline>"),
    NOT("loader", "firmware is for guests with a whole machine; a paravirtual one starts at its <kernel>"),
    NOT("nvram", "there is no firmware"),
    NOT("bootmenu", "there is no firmware; pv-grub has a menu of its own"),
    NOT("bios", "there is no firmware"),
    NOT("smbios", "a paravirtual guest has no SMBIOS tables"),
    END,
};

static const struct rule cputune[] = {
    {.name = "shares", .text = "@count"},
    {.name = "vcpupin", .attributes = "!vcpu=@number !cpuset=@cpus", .is_many = true},
    {.name = "global_period", .text = "@count"},
    {.name = "global_quota", .text = "@count"},
    NOT("period", "Wirt limits a domain as a whole: use <global_period> and <global_quota>"),
    NOT("quota", "Wirt limits a domain as a whole: use <global_period> and <global_quota>"),
    NOT("emulatorpin", "there is no emulator"),
    NOT("iothreadpin", "there are no I/O threads: the backends are dom0's"),
    END,
};

static const struct rule timers[] = {
    {.name = "timer", .attributes = "!name=tsc !mode=native", .ignored = "guests read the time-stamp counter as it is"},
    END,
};
static const struct rule features[] = {
    {.name = "acpi", .ignored = "a paravirtual guest has no ACPI tables"},
    {.name = "apic", .ignored = "a paravirtual guest has event channels"},
    {.name = "pae", .ignored = "guests are 64-bit"},
    END,
};
static const struct rule cpu[] = {
    NOT("feature", "a paravirtual guest's programs ask the processor itself, so no feature can be hidden or promised"),
    NOT("topology", "a guest sees vCPUs side by side, without sockets and cores"),
    NOT("numa", "memory is not placed by node"),
    NOT("cache", "a guest sees the machine's caches"),
    NOT("model", "guests see the machine's processor: use mode='host-passthrough'"),
    NOT("vendor", "guests see the machine's processor"),
    NOT("maxphysaddr", "guests see the machine's processor"),
    END,
};
static const struct rule pm[] = {
    {.name = "suspend-to-mem", .attributes = "!enabled=no", .ignored = "guests are not suspended"},
    {.name = "suspend-to-disk", .attributes = "!enabled=no", .ignored = "guests are not suspended"},
    END,
};

static const struct rule disk_source[] = {
    {.name = "seclabel", .attributes = "model relabel=no", .ignored = "no security driver labels files for Wirt"},
    NOT("encryption", "encryption is the guest's own business (dm-crypt)"),
    NOT("reservations", "dom0's block backend has no persistent reservations"),
    END,
};
#define ADDRESSED                                                                                                      \
    {.name = "alias", .attributes = "!name", .ignored = "devices go by their target"},                                 \
        {.name = "address", .is_any = true, .ignored = "there is no bus to have an address on"},                       \
    {                                                                                                                  \
        .name = "boot", .attributes = "!order=@count", .ignored = "pv-grub looks at the disks in their order"          \
    }
static const struct rule disk_children[] = {
    {.name = "driver",
     .attributes = "name=qemu|phy|file|tap|tap2|tapdisk type=raw cache=default|none|writeback|unsafe io "
                   "discard=ignore|unmap error_policy=report"},
    {.name = "source",
     .attributes = "file=@path dev=@path index startupPolicy=mandatory",
     .children = disk_source,
     .is_needed = true},
    {.name = "target", .attributes = "!dev=@target bus=xen tray=closed removable=off", .is_needed = true},
    {.name = "readonly"},
    {.name = "shareable"},
    {.name = "backingStore", .ignored = "an empty one says that the image is all there is"},
    ADDRESSED,
    NOT("transient", "changes to a disk stay; copy the image first"),
    NOT("serial", "dom0's block backend passes no serial number on"),
    NOT("wwn", "dom0's block backend passes no name on"),
    NOT("iotune", "dom0's block backend has no limits; use cgroups in dom0"),
    NOT("geometry", "a paravirtual disk has no geometry"),
    NOT("blockio", "block sizes are those of the source"),
    NOT("encryption", "encryption is the guest's own business (dm-crypt)"),
    NOT("mirror", "images are not copied while they are used"),
    NOT("auth", "network storage is attached in dom0 first, then given as a block device"),
    NOT("backenddomain", "backends run in dom0"),
    END,
};
#define DISK .name = "disk", .attributes = "!type=file|block device=disk|cdrom snapshot=no", .children = disk_children
const struct rule config_disk = {DISK};

static const struct rule nic_children[] = {
    {.name = "mac", .attributes = "!address=@mac type=generated|static"},
    {.name = "source", .attributes = "bridge=@ifname network=@name portid"},
    {.name = "target", .attributes = "!dev=@ifname managed=yes"},
    {.name = "script",
     .attributes = "!path=vif-bridge|/etc/xen/scripts/vif-bridge",
     .ignored = "wirt itself does what that script would"},
    {.name = "model", .attributes = "!type=netfront"},
    {.name = "link", .attributes = "!state=up", .ignored = "it is"},
    ADDRESSED,
    NOT("ip", "the guest sets its own addresses"),
    NOT("route", "the guest sets its own routes"),
    NOT("bandwidth", "use tc in dom0 on the interface that <target> names"),
    NOT("vlan", "make a bridge for the VLAN in dom0"),
    NOT("virtualport", "Open vSwitch ports are not made; use a bridge"),
    NOT("filterref", "use nftables in dom0"),
    NOT("mtu", "it is that of the bridge"),
    NOT("driver", "the backend is dom0's netback, and it has no settings"),
    NOT("guest", "the guest names its own interfaces"),
    NOT("backenddomain", "backends run in dom0"),
    END,
};
#define NIC .name = "interface", .attributes = "!type=bridge|ethernet|network", .children = nic_children
const struct rule config_nic = {NIC};

static const struct rule console_children[] = {
    {.name = "source", .attributes = "path", .ignored = "wirtd chooses the terminal"},
    {.name = "target", .attributes = "type=xen port=0", .ignored = "each domain has one console"},
    {.name = "alias", .attributes = "!name", .ignored = "there is one console"},
    NOT("log", "wirtd keeps a log of each console: see wirt log"),
    NOT("protocol", "a console is reached through wirtd"),
    END,
};

static const struct rule devices[] = {
    {DISK, .is_many = true},
    {NIC, .is_many = true},
    {.name = "console",
     .attributes = "!type=pty tty",
     .children = console_children,
     .ignored = "each domain has one console anyway"},
    {.name = "emulator", .text = "@any", .ignored = "no program emulates a paravirtual guest's devices"},
    {.name = "input",
     .attributes = "!type=mouse|keyboard|tablet bus=xen",
     .children =
         (const struct rule[]){{.name = "alias", .attributes = "!name", .ignored = "there is no such device"}, END},
     .is_many = true,
     .ignored = "without a frame buffer nothing points or types at it"},
    NOTED("graphics", "there is no frame buffer; the guest's console is its display (wirt console)"),
    NOTED("video", "there is no frame buffer; the guest's console is its display (wirt console)"),
    IGNORED("audio", "libvirt writes it beside <graphics>, with or without sound"),
    {.name = "memballoon",
     .attributes = "!model=xen",
     .children = (const struct rule[]){{.name = "alias", .attributes = "!name", .ignored = "there is one"},
                                       {.name = "address", .is_any = true, .ignored = "there is no bus"},
                                       END},
     .ignored = "the kernel's own balloon driver is always there"},
    {.name = "controller",
     .attributes = "!type=xenbus index=0 maxGrantFrames=@count maxEventChannels=@count",
     .children = (const struct rule[]){{.name = "alias", .attributes = "!name", .ignored = "there is one"}, END},
     .ignored = "xenbus is always there, and its limits follow from the devices"},
    NOT("hostdev", "devices of the machine are not passed through"),
    NOT("serial", "a paravirtual guest has no serial port: use <console type='pty'/>"),
    NOT("parallel", "a paravirtual guest has no parallel port"),
    NOT("channel", "there are no channels beside the console"),
    NOT("sound", "there is no sound device"),
    NOT("watchdog", "the guest's kernel has the hypervisor's watchdog (xen_wdt)"),
    NOT("rng", "the guest's kernel has the processor's RDRAND"),
    NOT("tpm", "there is no virtual TPM"),
    NOT("filesystem", "directories are not shared; use the network"),
    NOT("redirdev", "USB devices are not redirected"),
    NOT("hub", "there is no USB"),
    NOT("smartcard", "there are no smart cards"),
    NOT("panic", "a guest's crash is seen without a device: see <on_crash>"),
    NOT("shmem", "memory is shared by grants only"),
    NOT("memory", "memory grows by the balloon: see <memory> and <currentMemory>"),
    NOT("iommu", "devices of the machine are not passed through"),
    NOT("vsock", "use the network"),
    NOT("crypto", "there is no crypto device"),
    NOT("lease", "disks are not locked between machines"),
    END,
};

static const struct rule domain_children[] = {
    {.name = "name", .text = "@name", .is_needed = true},
    {.name = "uuid", .text = "@uuid"},
    {.name = "title", .text = "@any"},
    {.name = "description", .text = "@any"},
    {.name = "metadata", .is_any = true, .ignored = "it belongs to other programs"},
    {.name = "memory", .attributes = UNITS " dumpCore=on", .text = "@count", .is_needed = true},
    {.name = "currentMemory", .attributes = UNITS, .text = "@count"},
    {.name = "vcpu", .attributes = "placement=static cpuset=@cpus current=@count", .text = "@count"},
    {.name = "cputune", .children = cputune},
    {.name = "bootloader", .text = "@any"},
    {.name = "os", .children = os, .is_needed = true},
    {.name = "features", .children = features},
    {.name = "cpu",
     .attributes = "mode=host-passthrough check=none migratable=on|off",
     .children = cpu,
     .ignored = "guests see the machine's processor"},
    {.name = "clock",
     .attributes = "offset=utc|variable adjustment=0|reset basis=utc",
     .children = timers,
     .ignored = "a guest's clock shows UTC"},
    {.name = "on_poweroff", .text = "destroy|restart|preserve|rename-restart"},
    {.name = "on_reboot", .text = "destroy|restart|preserve|rename-restart"},
    {.name = "on_crash", .text = "destroy|restart|preserve|rename-restart"},
    {.name = "pm", .children = pm},
    {.name = "devices", .children = devices},
    {.name = "seclabel",
     .attributes = "!type=none model relabel=no",
     .is_many = true,
     .ignored = "no security driver confines guests beyond the hypervisor"},
    NOT("bootloader_args", "pv-grub takes no arguments"),
    NOT("maxMemory", "memory grows by the balloon, up to <memory>"),
    NOT("memoryBacking", "a guest's memory is never swapped, and page sizes are the hypervisor's choice"),
    NOT("memtune", "a guest's memory is its own: there is nothing to tune"),
    NOT("numatune", "memory is not placed by node"),
    NOT("blkiotune", "use cgroups in dom0"),
    NOT("vcpus", "vCPUs 0 to current-1 are the ones that are online: use <vcpu current='...'>"),
    NOT("iothreads", "there are no I/O threads: the backends are dom0's"),
    NOT("resource", "domains are not divided among partitions"),
    NOT("sysinfo", "a paravirtual guest has no SMBIOS tables"),
    NOT("idmap", "user IDs are the guest's own"),
    NOT("genid", "there is no generation ID"),
    NOT("on_lockfailure", "disks are not locked between machines"),
    NOT("perf", "a guest has no performance counters"),
    NOT("launchSecurity", "memory is not encrypted"),
    NOT("keywrap", "that is for other machines than x86"),
    END,
};
const struct rule config_domain = {.name = "domain", .attributes = "!type=xen id=@number", .children = domain_children};
