import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, it } from "vitest";
import { randomImage } from "../../src/testkit/index.ts";
import { redirectTo, ScriptedRegistry, status } from "../registry/scripted-registry.ts";
import { temporaryFolder } from "../temporary.ts";
import { cleanEnvironment, lading } from "./run-command.ts";

const PASSWORD = "hunter2-very-secret";
const SIGNATURE = "5ecre7s1gnature";

it.each([[["--progress", "plain"]], [["--progress", "json"]], [["--json"]]])(
  "--verbose with %s shows every request and no secret (GHSA-5jhf-2qmf-m8c5)",
  async (options) => {
    await using registry = await ScriptedRegistry.start();
    await using cdn = await ScriptedRegistry.start();
    const made = randomImage(registry.content, { seed: 1 });
    registry.content.tag("app:1", made.descriptor);
    registry.challenge = 'Basic realm="r"';
    const signed = `http://${cdn.address}/layer?X-Amz-Signature=${SIGNATURE}`;
    registry.on(`GET /v2/app/blobs/${made.layers[0]?.digest}`, redirectTo(signed), 99);
    const cookie = `session=${PASSWORD}`;
    const leak = `{"errors":[{"message":"\\"token\\": \\"${PASSWORD}\\" for ${signed}"}]}`;
    cdn.on("GET /layer", status(403, { "set-cookie": cookie }, leak), 99);
    const home = await temporaryFolder();
    cleanEnvironment(home);
    const auth = Buffer.from(`me:${PASSWORD}`).toString("base64");
    const config = JSON.stringify({ auths: { [registry.address]: { auth } } });
    await writeFile(join(home, "docker/config.json"), config);
    const args = ["pull", "--verbose", ...options, `${registry.address}/app:1`];
    const { code, stdout, stderr } = await lading(args, { home });
    expect(code).toBe(4);
    expect(registry.received.some(({ headers }) => headers.authorization === `Basic ${auth}`)).toBe(
      true,
    );
    expect(stderr).toContain(cdn.address);
    for (const secret of [PASSWORD, auth, SIGNATURE]) expect(stdout + stderr).not.toContain(secret);
  },
);
