import { describe, expect, it } from "vitest";
import { bundleConfig } from "../../../src/rootfs/bundle/bundle.ts";
import { files, imageConfig } from "./image.ts";

const passwd = "root:x:0:0::/root:/bin/sh\napp:x:1000:1000::/home/app:/bin/sh\n";
const read = files({ "/etc/passwd": passwd, "/etc/group": "staff:x:50:app\n" });
const PREFIX = "org.opencontainers.image.";

describe("conversion.md, verbatim fields", () => {
  it("WorkingDir is process.cwd, / without one", () => {
    expect(of({ WorkingDir: "/app/../app//x" }).process.cwd).toBe("/app/../app//x");
    expect(of({ WorkingDir: "" }).process.cwd).toBe("/");
    expect(of({}).process.cwd).toBe("/");
  });

  it("a relative WorkingDir starts at /, since a runtime takes no other", () => {
    expect(of({ WorkingDir: "srv/app" }).process.cwd).toBe("/srv/app");
    expect(of({ WorkingDir: "../../etc" }).process.cwd).toBe("/etc");
  });

  it("CVE-2024-21626: a WorkingDir in /proc is refused", () => {
    for (const WorkingDir of ["/proc/self/fd/7", "proc", "//proc/1/root", "/a/../proc/self/cwd"]) {
      expect(() => of({ WorkingDir })).toThrow(expect.objectContaining({ code: "refused" }));
    }
    expect(of({ WorkingDir: "/process" }).process.cwd).toBe("/process");
  });

  it("Env is process.env; of one name the last value stands", () => {
    const Env = ["PATH=/bin", "A=1", "B=x=y", "A=2", "EMPTY=", "HOME=/h"];
    expect(of({ Env }).process.env).toEqual(["PATH=/bin", "A=2", "B=x=y", "EMPTY=", "HOME=/h"]);
  });

  it("PATH, HOME and, on a terminal, TERM are added only where they are missing", () => {
    const path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    expect(of({ User: "app" }).process.env).toEqual([path, "HOME=/home/app"]);
    const { spec } = bundleConfig(imageConfig(), read, { terminal: true });
    expect(spec.process.env).toEqual([path, "HOME=/root", "TERM=xterm"]);
    expect(spec.process.terminal).toBe(true);
    const own = bundleConfig(imageConfig({ Env: ["TERM=vt100"] }), read, { terminal: true });
    expect(own.spec.process.env).toContain("TERM=vt100");
  });

  it("CVE-2026-57231: what is not name=value is left out, with a warning each", () => {
    const Env = ["AWS_SECRET_ACCESS_KEY", "=x", "", "*", "N=a\0b", "OK=1"];
    const { spec, warnings } = bundleConfig(imageConfig({ Env, Cmd: ["x"] }), read);
    expect(spec.process.env.filter((entry) => !/^(PATH|HOME)=/.test(entry))).toEqual(["OK=1"]);
    expect(warnings).toHaveLength(5);
    expect(warnings[0]).toContain("AWS_SECRET_ACCESS_KEY");
  });

  it("Cmd follows Entrypoint in process.args", () => {
    expect(of({ Entrypoint: ["/e", "1"], Cmd: ["c", "2"] }).process.args).toEqual([
      "/e",
      "1",
      "c",
      "2",
    ]);
    expect(of({ Entrypoint: ["/e"] }).process.args).toEqual(["/e"]);
    expect(of({ Cmd: ["c"] }).process.args).toEqual(["c"]);
  });

  it("the caller's command stands instead of both; where there is none, a shell, with a warning", () => {
    const named = bundleConfig(imageConfig({ Entrypoint: ["/e"], Cmd: ["c"] }), read, {
      args: ["/bin/true"],
    });
    expect(named.spec.process.args).toEqual(["/bin/true"]);
    expect(named.warnings).toEqual([]);
    const none = bundleConfig(imageConfig(), read);
    expect(none.spec.process.args).toEqual(["sh"]);
    expect(none.warnings).toEqual(["the image names no command: the bundle starts sh"]);
  });

  it("a NUL in a command or a working directory is an error: a runtime would cut there", () => {
    for (const config of [{ Cmd: ["a\0b"] }, { WorkingDir: "/a\0b" }]) {
      expect(() => of(config)).toThrow(expect.objectContaining({ code: "malformed" }));
    }
  });
});

describe("conversion.md, annotations", () => {
  it.each([
    ["os", { os: "linux" }, "linux"],
    ["architecture", { architecture: "x86_64" }, "x86_64"],
    ["variant", { architecture: "arm64", variant: "v8" }, "v8"],
    ["os.version", { "os.version": "1.2" }, "1.2"],
    ["os.features", { "os.features": ["b", "a"] }, "b,a"],
    ["author", { author: "Someone <one@example.com>" }, "Someone <one@example.com>"],
    ["created", { created: "2026-11-25T00:00:00.123456789Z" }, "2026-11-25T00:00:00.123456789Z"],
  ])("%s, as it is written", (name, top, expected) => {
    const { annotations } = bundleConfig(imageConfig({}, top), read).spec;
    expect(annotations[PREFIX + name]).toBe(expected);
  });

  it("stopSignal and exposedPorts", () => {
    const { annotations } = of({
      StopSignal: "SIGRTMIN+3",
      ExposedPorts: { "80/tcp": {}, "53/udp": {} },
    });
    expect(annotations[`${PREFIX}stopSignal`]).toBe("SIGRTMIN+3");
    expect(annotations[`${PREFIX}exposedPorts`]).toBe("80/tcp,53/udp");
  });

  it("no annotation for what the config does not say", () => {
    expect(Object.keys(of({}).annotations)).toEqual([`${PREFIX}os`, `${PREFIX}architecture`]);
  });

  it("a label takes precedence over each of them, and its value is not touched", () => {
    const Labels = { [`${PREFIX}os`]: "other", [`${PREFIX}stopSignal`]: "", "my.label": " v\n=" };
    const { annotations } = of({ Labels, StopSignal: "SIGINT" });
    expect(annotations).toMatchObject(Labels);
  });

  it.each([
    "run.oci.hooks.stderr",
    "run.oci.handler",
    "krun.cpus",
    "module.wasm.image/variant",
    "org.criu.config",
    "org.criu.config=/tmp/x",
    "org.systemd.property.ExecStartPre",
    "containerd.io/restart.loguri",
    "io.containerd.image.name",
    "io.cri-containerd.kind",
    "io.kubernetes.cri.container-type",
    "io.kubernetes.cri-o.Annotations",
    "io.podman.annotations.seccomp",
    "io.containers.trace-syscall",
    "dev.gvisor.flag.network",
    "io.katacontainers.config.hypervisor.path",
    "cdi.k8s.io/gpu",
    "bundle",
    "bundle=/etc",
    "Run.OCI.handler",
    "run.oci.handler\0",
    "harmless\0",
    "",
  ])("CVE-2026-53488: label %j is left out, with a warning", (key) => {
    const config = imageConfig({ Cmd: ["x"], Labels: { [key]: "x", "org.example": "stays" } });
    const { spec, warnings } = bundleConfig(config, read);
    expect(Object.keys(spec.annotations)).not.toContain(key);
    expect(spec.annotations["org.example"]).toBe("stays");
    expect(warnings).toEqual([expect.stringContaining("left out")]);
  });

  it.each([
    "run.ocicat",
    "bundles",
    "com.docker.compose.project",
    "org.label-schema.name",
    "__proto__",
  ])("label %j only describes, and stays", (key) => {
    const config = imageConfig({ Labels: JSON.parse(`{${JSON.stringify(key)}:"x"}`) });
    const { spec } = bundleConfig(config, read);
    expect(Object.entries(spec.annotations)).toContainEqual([key, "x"]);
    expect(JSON.stringify(spec)).toContain(`${JSON.stringify(key)}:"x"`);
  });
});

describe("conversion.md, parsed and optional fields", () => {
  it("User is process.user, and decides what it may do", () => {
    expect(of({ User: "app" }).process.user).toEqual({
      uid: 1000,
      gid: 1000,
      additionalGids: [50],
    });
    expect(of({ User: "app" }).process.capabilities.effective).toEqual([]);
    expect(of({}).process.user).toEqual({ uid: 0, gid: 0 });
    expect(of({}).process.capabilities.effective).toContain("CAP_CHOWN");
  });

  it("a user of the caller's stands instead of the image's", () => {
    const { spec } = bundleConfig(imageConfig({ User: "gone" }), read, { user: "5:6" });
    expect(spec.process.user).toEqual({ uid: 5, gid: 6 });
  });

  it("Volumes stay directories of the root filesystem: no mount comes from an image", () => {
    const Volumes = { "/data": {}, "/": {}, "/proc": {}, "../../etc": {} };
    expect(of({ Volumes }).mounts).toEqual(of({}).mounts);
  });

  it("an image for another system is not supported", () => {
    const config = imageConfig({}, { os: "windows" });
    expect(() => bundleConfig(config, read)).toThrow(
      expect.objectContaining({ code: "unsupported" }),
    );
  });
});

describe("what is ours", () => {
  it("nothing new can be gained: noNewPrivileges, no ambient or inheritable capability", () => {
    const { noNewPrivileges, capabilities } = of({}).process;
    expect(noNewPrivileges).toBe(true);
    expect(Object.keys(capabilities).sort()).toEqual(["bounding", "effective", "permitted"]);
    for (const dropped of ["CAP_MKNOD", "CAP_NET_RAW", "CAP_AUDIT_WRITE", "CAP_SYS_ADMIN"]) {
      expect(capabilities.bounding).not.toContain(dropped);
    }
  });

  it("every namespace but the user's, and devices closed", () => {
    const { namespaces, resources } = of({}).linux;
    expect(namespaces.map(({ type }) => type).sort()).toEqual(
      ["cgroup", "ipc", "mount", "network", "pid", "uts"].sort(),
    );
    expect(resources?.devices).toEqual([{ allow: false, access: "rwm" }]);
  });

  it("a host name may be chosen", () => {
    expect(of({}).hostname).toBe("lading");
    expect(bundleConfig(imageConfig(), read, { hostname: "box" }).spec.hostname).toBe("box");
  });
});

describe("rootless", () => {
  const ids = { uid: 1234, gid: 2345 };
  const { spec, warnings } = bundleConfig(imageConfig({ User: "app", Cmd: ["x"] }), read, {
    rootless: ids,
  });

  it("maps the container's root to the caller, and nobody else", () => {
    expect(spec.linux.uidMappings).toEqual([{ containerID: 0, hostID: 1234, size: 1 }]);
    expect(spec.linux.gidMappings).toEqual([{ containerID: 0, hostID: 2345, size: 1 }]);
  });

  it("adds a user namespace, and keeps the host's network and cgroups", () => {
    const types = spec.linux.namespaces.map(({ type }) => type).sort();
    expect(types).toEqual(["ipc", "mount", "pid", "user", "uts"]);
    expect(spec.linux).not.toHaveProperty("resources");
  });

  it("names no id that is not mapped, and binds /sys instead of mounting one", () => {
    expect(JSON.stringify(spec.mounts)).not.toMatch(/[ug]id=/);
    const sys = spec.mounts.filter(({ destination }) => destination.startsWith("/sys"));
    expect(sys).toEqual([expect.objectContaining({ source: "/sys", destination: "/sys" })]);
    expect(sys[0]?.options).toEqual(expect.arrayContaining(["rbind", "ro"]));
  });

  it("runs a user of the image as root of the namespace, without root's powers, and says so", () => {
    expect(spec.process.user).toEqual({ uid: 0, gid: 0 });
    expect(spec.process.capabilities.permitted).toEqual([]);
    expect(spec.process.env).toContain("HOME=/home/app");
    expect(warnings).toEqual([expect.stringContaining("1000:1000")]);
    const root = bundleConfig(imageConfig({ Cmd: ["x"] }), read, { rootless: ids });
    expect(root.warnings).toEqual([]);
    expect(root.spec.process.capabilities.permitted).toContain("CAP_CHOWN");
  });

  it("refuses ids of the host that are none", () => {
    for (const uid of [-1, 1.5, Number.NaN, 2 ** 32]) {
      expect(() => bundleConfig(imageConfig(), read, { rootless: { uid, gid: 0 } })).toThrow(
        expect.objectContaining({ code: "usage" }),
      );
    }
  });
});

function of(config: Readonly<Record<string, unknown>>) {
  return bundleConfig(imageConfig(config), read).spec;
}
