import { execFileSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { join, resolve } from "node:path";
import { expect, it } from "vitest";
import { createRegistry } from "../../src/testkit/index.ts";
import { lading } from "../cli/run-command.ts";
import { temporaryFolder } from "../temporary.ts";
import { installed } from "./debian-registry.ts";

const isRoot = process.getuid?.() === 0;
const DEMO_IMAGE = resolve(import.meta.dirname, "../../scripts/demo-image.mjs");

it.skipIf(!isRoot || !installed("runc"))(
  "runc runs the bundle that the command makes",
  {
    timeout: 120_000,
  },
  async () => {
    await using registry = await createRegistry();
    const { makeDemoImage } = await import(DEMO_IMAGE);
    makeDemoImage(registry.content);
    const home = await temporaryFolder();
    const box = join(home, "box");
    const reference = `${registry.address}/demo/node:latest`;
    const made = await lading(["bundle", reference, box], { home });
    expect(made.code, made.stderr).toBe(0);
    expect(runc(box)).toBe(`hello from ${process.version}\n`);
    const script = "console.log(process.cwd(), process.argv.slice(1).length)";
    const words = ["--", "/usr/bin/node", "-e", script, "an argument", "another"];
    const again = await lading(["bundle", "--force", reference, box, ...words], { home });
    expect(again.code, again.stderr).toBe(0);
    expect(runc(box)).toBe("/app 2\n");
  },
);

function runc(bundle: string): string {
  const run = ["run", "--bundle", bundle, `lading-${randomUUID()}`];
  const [program = "", ...args] = ["runc", "--root", join(bundle, "state"), ...run];
  return execFileSync(program, args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
}
