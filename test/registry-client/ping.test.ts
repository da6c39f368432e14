import { expect, it } from "vitest";
import { hostCredentials } from "../../src/registry/auth/credentials.ts";
import { createRegistryClient } from "../../src/registry/client.ts";
import { ScriptedRegistry } from "../registry/scripted-registry.ts";

it("a registry is asked whether it is there, with the client's credentials or with others", async () => {
  await using registry = await ScriptedRegistry.start();
  registry.challenge = 'Basic realm="r"';
  await using client = createRegistryClient({ credentials: hostCredentials({}) });
  expect(await client.ping(registry.address)).toMatchObject({ status: 401 });
  const credentials = hostCredentials({
    [registry.address]: { kind: "basic", username: "me", password: "secret" },
  });
  expect(await client.ping(registry.address, { credentials })).toMatchObject({
    status: 200,
    url: `http://${registry.address}/v2/`,
  });
  expect(registry.asked.every((asked) => asked === "GET /v2/")).toBe(true);
  expect(registry.received.at(-1)?.headers.authorization).toMatch(/^Basic /);
});
