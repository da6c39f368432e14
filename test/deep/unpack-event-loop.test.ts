import { join } from "node:path";
import { expect, it } from "vitest";
import { createRegistry } from "../../src/testkit/index.ts";
import { built } from "../child.ts";
import { temporaryFolder } from "../temporary.ts";
import { full } from "./tier.ts";
import { tell } from "./unpack-figures.ts";
import { bulkyImage } from "./unpack-image.ts";
import { startNode } from "./unpack-process.ts";

const FILE = full ? 300_000 : 30_000;

/** A host application that pulls with unpack: how late its own timers are. */
function host(root: string, reference: string): readonly string[] {
  const code = `
import { monitorEventLoopDelay } from "node:perf_hooks";
import { open } from ${JSON.stringify(built("index.js"))};
const lading = await open({ root: ${JSON.stringify(root)} });
const delay = monitorEventLoopDelay({ resolution: 1 });
delay.enable();
await lading.pull(${JSON.stringify(reference)}, { unpack: true });
delay.disable();
await lading.close();
const ms = (value) => Math.round(value / 1e5 - 10) / 10;
console.log(JSON.stringify({
  p50: ms(delay.percentile(50)), p99: ms(delay.percentile(99)), max: ms(delay.max),
}));
`;
  return ["--input-type=module", "-e", code];
}

it("a host's event loop goes on while it pulls and unpacks (p99 at most 20 ms, not held here)", async () => {
  await using registry = await createRegistry();
  bulkyImage(registry.content, { seed: 5, layers: 6, files: 300, fileSize: FILE });
  const home = await temporaryFolder();
  const reference = `${registry.address}/app:1`;
  const { code, stdout, stderr } = await startNode(host(join(home, "store"), reference), { home })
    .ended;
  expect(code, stderr).toBe(0);
  tell(`event loop delay in ms: ${stdout.trim()}`);
}, 300_000);
