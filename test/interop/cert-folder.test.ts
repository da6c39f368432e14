import { execFile } from "node:child_process";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";
import { randomImage } from "../../src/testkit/index.ts";
import { lading } from "../cli/run-command.ts";
import { createAuthority } from "../registry/certificates.ts";
import { ScriptedRegistry } from "../registry/scripted-registry.ts";
import { temporaryFolder } from "../temporary.ts";
import { installed } from "./debian-registry.ts";

const run = promisify(execFile);

describe.runIf(installed("skopeo"))("a folder of certificates in docker's layout", () => {
  it.each<[string, string[], boolean]>([
    ["whole", [], true],
    ["without the authority", ["ca.crt"], false],
    ["without the client's certificate and key", ["client.cert", "client.key"], false],
    ["without the client's key", ["client.key"], false],
    ["without the client's certificate", ["client.cert"], false],
  ])("%s means to lading what it means to skopeo", async (_, missing, works) => {
    const authority = createAuthority();
    const client = authority.issue({ client: true });
    const tls = { ...authority.issue(), ca: authority.cert, requestCert: true };
    await using registry = await ScriptedRegistry.start({
      tls: { ...tls, rejectUnauthorized: true },
    });
    registry.content.tag("app:1", randomImage(registry.content, { seed: 1, layers: 1 }).descriptor);
    const home = await temporaryFolder();
    const folder = join(home, "certs.d", registry.address);
    await mkdir(folder, { recursive: true });
    await writeFile(join(folder, "ca.crt"), authority.cert);
    await writeFile(join(folder, "client.cert"), client.cert);
    await writeFile(join(folder, "client.key"), client.key);
    for (const name of missing) await rm(join(folder, name));
    const reference = `${registry.address}/app:1`;
    const skopeo = await run("skopeo", [
      ...["inspect", "--raw", "--cert-dir", folder, `docker://${reference}`],
    ]).then(
      () => true,
      () => false,
    );
    const { code } = await lading(["manifest", reference], { home });
    expect([skopeo, code === 0]).toEqual([works, works]);
  });
});
