import { expect, it } from "vitest";
import { randomImage } from "../../src/testkit/index.ts";
import { ScriptedRegistry } from "../registry/scripted-registry.ts";
import { temporaryFolder } from "../temporary.ts";
import { lading } from "./run-command.ts";

it.each([
  ["1", 1],
  ["2", 2],
])("--concurrency %s bounds the downloads of all references together", async (number, most) => {
  await using registry = await ScriptedRegistry.start();
  const references = ["one:1", "two:1", "three:1"].map((name, seed) => {
    const made = randomImage(registry.content, { seed, layers: 3 });
    registry.content.tag(name, made.descriptor);
    return `${registry.address}/${name}`;
  });
  let underWay = 0;
  const seen: number[] = [];
  registry.on(
    /^GET \/v2\/[a-z]+\/blobs\//,
    async ({ response, reply }) => {
      underWay += 1;
      seen.push(underWay);
      response.on("close", () => (underWay -= 1));
      const { status, headers, body } = reply();
      response.writeHead(status, headers).write(body.subarray(0, 10));
      // So that another one, if there were to be one, comes in the meantime.
      await new Promise((resolve) => setTimeout(resolve, 40));
      response.end(body.subarray(10));
    },
    99,
  );
  const home = await temporaryFolder();
  const { code } = await lading(["pull", "--concurrency", number, ...references], { home });
  expect(code).toBe(0);
  expect(seen).toHaveLength(12);
  expect(Math.max(...seen)).toBe(most);
});
