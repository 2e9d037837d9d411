/* SPDX-License-Identifier: MIT */
/*
 * The table of commands. A row is all that help, completion and the command line's reader know of a command; the tests
 * hold the man page against it. The order is that of `wirt help`.
 */
#include "cli.h"

#define NONE                                                                                                           \
    {                                                                                                                  \
        0                                                                                                              \
    }
#define CHOICES(...)                                                                                                   \
    (const struct choice[])                                                                                            \
    {                                                                                                                  \
        __VA_ARGS__, NONE                                                                                              \
    }
#define JSON_DOMAIN                                                                                                    \
    "id, name, uuid, state, shutdown_reason, vcpus, max_vcpus, memory_kib, max_memory_kib, cpu_ns, "                   \
    "held_kib, holders, note"
#define JSON_ID "an object: id, name"
#define CHOICE_CONSOLE                                                                                                 \
    {                                                                                                                  \
        'c', "console", NULL, "attach to its console at once"                                                          \
    }
#define CHOICE_PAUSED                                                                                                  \
    {                                                                                                                  \
        'p', "paused", NULL, "leave it paused before its first instruction"                                            \
    }
#define CHOICE_WAIT                                                                                                    \
    {                                                                                                                  \
        'w', "wait", NULL, "return when it is done"                                                                    \
    }
#define CHOICE_TIMEOUT                                                                                                 \
    {                                                                                                                  \
        't', "timeout", "SECONDS", "with --wait: how long at most (60)"                                                \
    }

const struct command commands[] = {
    {"create", "FILE", "make a domain from its XML and start it", run_create,
     CHOICES(CHOICE_PAUSED, CHOICE_CONSOLE, {'n', "dry-run", NULL, "only read the file and say what is wrong with it"}),
     1, 1, JSON_ID ", notes", "FILE is libvirt's domain XML: see wirt-domain(5). - reads standard input."},
    {"start", "NAME", "start a domain that is defined", run_start, CHOICES(CHOICE_PAUSED, CHOICE_CONSOLE), 1, 1,
     JSON_ID ", notes", NULL},
    {"list", "", "list domains", run_list,
     CHOICES({'a', "all", NULL, "also those that are defined and do not run"},
             {'N', "names", NULL, "names only, one a line"}),
     0, 0, "an array of " JSON_DOMAIN "; with --names of strings",
     "States: running, blocked (idle), paused, shutdown, crashed, dying, building, restarting (wirtd waits before it "
     "starts it again); with --all also defined."},
    {"shutdown", "DOMAIN", "ask the guest to power off", run_shutdown, CHOICES(CHOICE_WAIT, CHOICE_TIMEOUT), 1, 1,
     JSON_ID, NULL},
    {"reboot", "DOMAIN", "ask the guest to reboot", run_reboot, CHOICES(CHOICE_WAIT, CHOICE_TIMEOUT), 1, 1, JSON_ID,
     NULL},
    {"destroy", "DOMAIN", "end a domain at once, as by pulling the plug", run_destroy, NULL, 1, 1, JSON_ID,
     "Of one that wirtd is about to start again, the restart is given up (id is null then)."},
    {"pause", "DOMAIN", "stop all its vCPUs", run_pause, NULL, 1, 1, JSON_ID, NULL},
    {"unpause", "DOMAIN", "let it go on", run_unpause, NULL, 1, 1, JSON_ID, NULL},
    {"rename", "DOMAIN NAME", "give a running domain another name", run_rename, NULL, 2, 2, JSON_ID, NULL},
    {"sysrq", "DOMAIN KEY", "press a magic SysRq key in the guest", run_sysrq, NULL, 2, 2, JSON_ID,
     "KEY is one character, as Linux knows them: s syncs disks, b reboots, c crashes, h lists them all."},
    {"console", "DOMAIN", "attach to a domain's console", run_console,
     CHOICES({'e', "escape", "KEY", "what leaves it: ^] or another control character (^])"},
             {'R', "no-replay", NULL, "do not show what it printed before"}),
     1, 1, "an object: id, name, tty; does not attach", "Ctrl-] leaves. What the domain printed before comes first."},
    {"log", "DOMAIN", "show what a domain has printed, even one that is gone", run_log,
     CHOICES({'f', "follow", NULL, "go on with what it prints from now on"},
             {'r', "raw", NULL, "leave control characters in"}),
     1, 1, "an object: name, text", NULL},

    {"define", "FILE", "keep a domain's XML, to start it by name", run_define, NULL, 1, 1,
     "an object: name, uuid, notes",
     "A definition of the same name is replaced. Definitions are files in /etc/wirt/domains."},
    {"undefine", "NAME", "forget a definition", run_undefine, NULL, 1, 1, "an object: name",
     "A domain that runs, or is about to be started again, is left alone: wirt destroy ends it."},
    {"autostart", "NAME", "start a defined domain with the machine", run_autostart,
     CHOICES({'d', "disable", NULL, "do not, any more"}), 1, 1, "an object: name, autostart", NULL},
    {"dominfo", "DOMAIN", "show a domain, running or defined", run_dominfo,
     CHOICES({'x', "xml", NULL, "its configuration, as create and define read it"}), 1, 1,
     "an object: " JSON_DOMAIN ", autostart, defined; with --xml: xml", NULL},

    {"vcpu-list", "[DOMAIN]", "list vCPUs and where they run", run_vcpu_list, NULL, 0, 1,
     "an array of id, name, vcpu, cpu, state, cpu_ns, affinity", NULL},
    {"vcpu-pin", "DOMAIN VCPU CPUS", "say which CPUs a vCPU may run on", run_vcpu_pin, NULL, 3, 3,
     JSON_ID ", vcpu, affinity", "VCPU is a number or all. CPUS is a set such as 0-3,^2, or all."},
    {"vcpu-set", "DOMAIN COUNT", "plug vCPUs in or out", run_vcpu_set, NULL, 2, 2, JSON_ID ", vcpus", NULL},
    {"mem-set", "DOMAIN SIZE", "let its balloon go to this much memory", run_mem_set, NULL, 2, 2,
     JSON_ID ", memory_kib", "SIZE is a number with K, M, G or T behind it; a number alone counts MiB."},
    {"mem-max", "DOMAIN SIZE", "set the most memory it may have", run_mem_max, NULL, 2, 2, JSON_ID ", max_memory_kib",
     "SIZE is a number with K, M, G or T behind it; a number alone counts MiB."},
    {"sched", "[DOMAIN]", "show or set a domain's share of the CPUs", run_sched,
     CHOICES({'W', "weight", "N", "its share against others', 1 to 65535 (256)"},
             {'C', "cap", "PERCENT", "never more than this of one CPU, 0 for no limit (0)"}),
     0, 1, "an array of id, name, weight, cap", NULL},

    {"attach-disk", "DOMAIN SOURCE [TARGET]", "plug a disk in", run_attach_disk,
     CHOICES({'r', "readonly", NULL, "the guest may not write"}, {'s', "shareable", NULL, "others may have it too"},
             {'d', "cdrom", NULL, "it is a CD: read-only"}),
     2, 3, JSON_ID ", target, source",
     "SOURCE is an image file or a block device, and TARGET the guest's name for it: xvdb. Without TARGET, SOURCE is a "
     "file with a <disk> element."},
    {"detach-disk", "DOMAIN TARGET", "unplug a disk", run_detach_disk, NULL, 2, 2, JSON_ID ", target", NULL},
    {"attach-nic", "DOMAIN [BRIDGE]", "plug a network interface in", run_attach_nic,
     CHOICES({'m', "mac", "ADDRESS", "its address; without, one is made"},
             {'i', "ifname", "NAME", "what dom0 calls it; without, vifDOMAIN.INDEX"},
             {'x', "xml", "FILE", "a file with an <interface> element says all this"}),
     1, 2, JSON_ID ", index", "Without BRIDGE the interface is attached to none."},
    {"detach-nic", "DOMAIN INDEX", "unplug a network interface", run_detach_nic, NULL, 2, 2, JSON_ID ", index",
     "INDEX is its number, or its MAC address."},

    {"store ls", "[PATH]", "list a directory of xenstore", run_store_ls,
     CHOICES({'r', "recursive", NULL, "and all below it"}, {'p', "permissions", NULL, "and who may read and write"}), 0,
     1, "an array of path, value, permissions", NULL},
    {"store read", "PATH", "print what a key holds", run_store_read, NULL, 1, 1, "an object: path, value", NULL},
    {"store write", "PATH VALUE", "set a key", run_store_write, NULL, 2, 2, "an object: path, value", NULL},
    {"store rm", "PATH", "remove a key and all below it", run_store_rm, NULL, 1, 1, "an object: path", NULL},
    {"store watch", "PATH...", "say when keys change", run_store_watch,
     CHOICES({'n', "count", "N", "return after that many"}, {'t', "timeout", "SECONDS", "give up after so long"}), 1,
     -1, "an object a line: path",
     "One line for each key at once, then one for each change there or below. Ctrl-C ends it."},
    {"store chmod", "PATH MODE...", "set who may read and write a key", run_store_chmod, NULL, 2, -1,
     "an object: path, permissions",
     "MODE is a letter and a domain's number: r read, w write, b both, n none. The first names the owner, and what all "
     "others may."},

    {"top", "", "watch domains, vCPUs and the host, and act on them", run_top,
     CHOICES({'b', "batch", NULL, "print the table of domains again and again; needs no terminal"},
             {'d', "delay", "SECONDS", "between two samples (1)"}, {'n', "count", "N", "end after that many"},
             {'f', "filter", "TEXT", "only domains with this in their name or state"},
             {'w', "record", "FILE", "add each sample to a file"},
             {'r', "replay", "FILE", "show such a file instead of this host"}),
     0, 0,
     "an object a line, with --batch or not: at_ns, seconds, memory_kib, free_kib, claimed_kib, tables_kib, "
     "has_statistics, domains, vcpus, cpus, channels, mappings",
     "The ? key shows all keys and columns. Ctrl-] leaves a console. --json prints an object for each pair of "
     "samples."},
    {"events", "", "say what happens to domains, as it happens", run_events,
     CHOICES({'d', "domain", "DOMAIN", "only of this one (and of wirtd)"},
             {'s', "since", "WHEN", "behind this event's number, or so long ago: 10m; 0: all there are"},
             {'o', "once", NULL, "only what is kept, and end"}, {'n', "count", "N", "end after that many"},
             {'t', "timeout", "SECONDS", "give up after so long"}, {'T', "text", NULL, "lines for a person"}),
     0, 0,
     "an object a line, with --json or not: seq, time, event, domid, name, uuid, suppressed, and what the event has "
     "besides",
     "JSON objects, one a line, from now on until Ctrl-C; wirt(1), EVENTS, says which there are. An event gap says how "
     "many could not be had; when wirtd goes, the stream waits for the next one."},
    {"info", "", "show the machine and the hypervisor", run_info, NULL, 0, 0,
     "an object: hypervisor, version, extra, changeset, commandline, capabilities, assist, is_assisted, cpus, cpu_khz, "
     "memory_kib, free_kib, claimed_kib, domains",
     NULL},
    {"dmesg", "", "show the hypervisor's log", run_dmesg, CHOICES({'c', "clear", NULL, "and empty it"}), 0, 0,
     "an object: text", NULL},
    {"debug-keys", "KEYS", "press the hypervisor's debug keys and show what they print", run_debug_keys, NULL, 1, 1,
     "an object: text", "h lists them."},
    {"audit", "", "let the hypervisor check its accounts of memory, grants and event channels", run_audit, NULL, 0, 0,
     "an object: faults, dying, text",
     "Guests go on. The exit code is 1 if anything is wrong. Dead domains whose memory others keep are named, with "
     "who keeps it."},
    {"dump", "DOMAIN FILE", "write a domain's memory and vCPUs into an ELF core file", run_dump, NULL, 2, 2,
     JSON_ID ", file", "The domain stands still meanwhile. For gdb and crash."},
    {"version", "", "show the versions of the tools and of the hypervisor", run_version, NULL, 0, 0,
     "an object: wirt, hypervisor, version (null without one)", NULL},
    {"help", "[COMMAND]", "explain a command, or list them", run_help,
     CHOICES({'N', "names", NULL, "names only, one a line"},
             {'O', "options", NULL, "the options of COMMAND, one a line"},
             {'A', "arguments", NULL, "the arguments of COMMAND, in a line"}),
     0, 2, "an array of name, arguments, help, more, json, options", NULL},
    {.name = NULL},
};
