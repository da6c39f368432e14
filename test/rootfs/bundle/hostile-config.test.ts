import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { LadingError } from "../../../src/errors.ts";
import { bundleConfig } from "../../../src/rootfs/bundle/bundle.ts";
import { files, imageConfig } from "./image.ts";

const hostile = fc.oneof(
  fc.string(),
  fc.string({ unit: "binary" }),
  fc.constantFrom(
    "/etc/shadow",
    "../../../../etc",
    "/proc/self/fd/8",
    "/var/run/docker.sock:/sock",
    "run.oci.hooks.stderr",
    "org.systemd.property.ExecStartPre",
    "HOME",
    "PATH=",
    "__proto__",
    "constructor",
    "rootfs",
    "-1",
    "4294967296",
    "0:0",
    "\0",
    "",
  ),
);
const key = hostile.map((text) => ({ [text]: {} }));
const config = fc.record(
  {
    User: hostile,
    WorkingDir: hostile,
    Env: fc.array(hostile, { maxLength: 5 }),
    Entrypoint: fc.array(hostile, { maxLength: 3 }),
    Cmd: fc.array(hostile, { maxLength: 3 }),
    StopSignal: hostile,
    Volumes: key,
    ExposedPorts: key,
    Labels: fc.dictionary(hostile, hostile, { maxKeys: 5 }),
  },
  { requiredKeys: [] },
);
const top = fc.record(
  { author: hostile, created: hostile, variant: hostile },
  { requiredKeys: [] },
);
const content = fc.record({ "/etc/passwd": hostile, "/etc/group": hostile });

describe("a hostile config", () => {
  it("gives a config.json that an image can only fill with data, or one LadingError", () => {
    fc.assert(
      fc.property(config, top, content, fc.boolean(), (execution, above, texts, asUser) => {
        const options = asUser ? { rootless: { uid: 1000, gid: 1000 } } : {};
        const parsed = parsedOrRefused(() => imageConfig(execution, above));
        const made = parsed && parsedOrRefused(() => bundleConfig(parsed, files(texts), options));
        if (made === undefined) return;
        const spec = JSON.parse(JSON.stringify(made.spec));
        const plain = JSON.parse(JSON.stringify(plainSpec(options)));
        for (const part of ["ociVersion", "root", "hostname", "mounts", "linux"]) {
          expect(spec[part]).toEqual(plain[part]);
        }
        expect(Object.keys(spec).sort()).toEqual(Object.keys(plain).sort());
        expect(Object.keys(spec.process).sort()).toEqual(Object.keys(plain.process).sort());
        expect(spec.process.noNewPrivileges).toBe(true);
        expect(spec.process.cwd).toMatch(/^\//);
        expect(spec.process.args.length).toBeGreaterThan(0);
        for (const entry of spec.process.env) expect(entry).toMatch(/^[^=]+=/);
        expect(JSON.stringify([spec.process, spec.annotations])).not.toContain("\\u0000");
        expect(JSON.stringify(spec.annotations)).not.toMatch(/"(run\.oci|org\.systemd)[^"]*":/);
      }),
      { numRuns: 1000 },
    );
  });
});

function plainSpec(options: Parameters<typeof bundleConfig>[2]): unknown {
  return bundleConfig(imageConfig({ Cmd: ["x"] }), files({}), options).spec;
}

function parsedOrRefused<T>(act: () => T): T | undefined {
  try {
    return act();
  } catch (error) {
    expect(error).toBeInstanceOf(LadingError);
    return undefined;
  }
}
