/**
 * Annotations by which whoever writes a `config.json` gives orders to a runtime, its shim or its
 * hooks: load a handler, open a host file for the output of hooks, set a property of a systemd unit
 * (`ExecStartPre` among them), pass a device. A label of an image must never become one.
 */
const RESERVED_PREFIXES: readonly string[] = [
  // crun, as its `features` lists them (potentiallyUnsafeConfigAnnotations)
  "run.oci.",
  "krun.",
  "module.wasm.image/",
  // crun and runc
  "org.criu.",
  "org.systemd.property.",
  // containerd, its CRI plugin (CVE-2026-53488) and CRI-O; crun and gVisor read the container type
  "containerd.io/",
  "io.containerd.",
  "io.cri-containerd",
  "io.kubernetes.cri",
  // podman (CVE-2026-57231, CVE-2026-121885), and the hooks that come with it
  "io.podman.",
  "io.containers.",
  // gVisor, Kata Containers, Windows' runhcs
  "dev.gvisor.",
  "io.katacontainers.",
  "io.microsoft.",
  // devices of the Container Device Interface
  "cdi.k8s.io/",
];

/** runc keeps the bundle's own path under this name, among the annotations. */
const RESERVED_NAMES: ReadonlySet<string> = new Set(["bundle"]);

/** Whether an annotation of this name is an order. Case does not matter here, to be on the safe side. */
export function isReserved(key: string): boolean {
  const lower = key.trimStart().toLowerCase();
  // runc joins name and value with "=" and cuts at the first one.
  const [name = ""] = lower.split("=", 1);
  return RESERVED_NAMES.has(name) || RESERVED_PREFIXES.some((prefix) => lower.startsWith(prefix));
}
