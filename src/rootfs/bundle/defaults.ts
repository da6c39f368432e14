import type { Capabilities, LinuxSpec, Mount } from "./spec-types.ts";

/** What runc 1.1 and crun 1.8 both take; crun before 1.16 refuses anything that is not a 1.0. */
export const OCI_VERSION = "1.0.2";

export const DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

export function defaultMounts(): readonly Mount[] {
  const quiet = ["nosuid", "noexec", "nodev"];
  return [
    mount("/proc", "proc", "proc", quiet),
    mount("/dev", "tmpfs", "tmpfs", ["nosuid", "strictatime", "mode=755", "size=65536k"]),
    mount("/dev/pts", "devpts", "devpts", [
      "nosuid",
      "noexec",
      "newinstance",
      "ptmxmode=0666",
      "mode=0620",
      "gid=5",
    ]),
    mount("/dev/shm", "tmpfs", "shm", [...quiet, "mode=1777", "size=65536k"]),
    mount("/dev/mqueue", "mqueue", "mqueue", quiet),
    mount("/sys", "sysfs", "sysfs", [...quiet, "ro"]),
    mount("/sys/fs/cgroup", "cgroup", "cgroup", [...quiet, "relatime", "ro"]),
  ];
}

function mount(
  destination: string,
  type: string,
  source: string,
  options: readonly string[],
): Mount {
  return { destination, type, source, options };
}

export function defaultLinux(): LinuxSpec {
  return {
    namespaces: [
      { type: "pid" },
      { type: "network" },
      { type: "ipc" },
      { type: "uts" },
      { type: "mount" },
      { type: "cgroup" },
    ],
    // The runtime adds /dev/null and its few neighbours; nothing else can be opened.
    resources: { devices: [{ allow: false, access: "rwm" }] },
    maskedPaths: [
      "/proc/acpi",
      "/proc/asound",
      "/proc/kcore",
      "/proc/keys",
      "/proc/latency_stats",
      "/proc/timer_list",
      "/proc/timer_stats",
      "/proc/sched_debug",
      "/proc/scsi",
      "/sys/firmware",
      "/sys/devices/virtual/powercap",
    ],
    readonlyPaths: ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"],
  };
}

/** What images are built against, less what lets one forge packets, devices or audit records. */
const CAPABILITIES: readonly string[] = [
  "CAP_CHOWN",
  "CAP_DAC_OVERRIDE",
  "CAP_FOWNER",
  "CAP_FSETID",
  "CAP_KILL",
  "CAP_NET_BIND_SERVICE",
  "CAP_SETFCAP",
  "CAP_SETGID",
  "CAP_SETPCAP",
  "CAP_SETUID",
  "CAP_SYS_CHROOT",
];

/**
 * Root gets the set, any other user starts with none of it. Nothing is inheritable or ambient: that
 * would hand root's powers to programs of ordinary users (CVE-2022-24769, CVE-2022-29162).
 */
export function capabilitiesFor(uid: number): Capabilities {
  const held = uid === 0 ? CAPABILITIES : [];
  return { bounding: CAPABILITIES, effective: held, permitted: held };
}
