// The host of host.mjs: host-process.mjs ROOT big REFERENCE | unpack REFERENCE | small
import { fork } from "node:child_process";
import { once } from "node:events";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { open } from "../dist/index.js";

const [root, kind, reference] = process.argv.slice(2);

if (kind === "registry") {
  const { createRegistry, randomImage } = await import("../dist/testkit/index.js");
  const registry = await createRegistry();
  for (let seed = 0; seed < 500; seed += 1) {
    registry.content.tag(
      `app:${seed}`,
      randomImage(registry.content, { seed, layers: 3 }).descriptor,
    );
  }
  process.send(registry.address);
  process.once("disconnect", () => registry.close());
} else {
  const registry = kind === "small" ? fork(import.meta.filename, [root, "registry"]) : undefined;
  const address = registry === undefined ? undefined : (await once(registry, "message"))[0];
  const delay = monitorEventLoopDelay({ resolution: 1 });
  const lading = await open({ root });
  const started = performance.now();
  delay.enable();
  if (kind === "big") await lading.pull(reference);
  else if (kind === "unpack") await lading.pull(reference, { unpack: true });
  else await many(lading, address);
  delay.disable();
  const seconds = (performance.now() - started) / 1000;
  await lading.close();
  registry?.disconnect();
  const ms = (nanoseconds) => nanoseconds / 1e6 - 1;
  const figures = { p50: delay.percentile(50), p99: delay.percentile(99), max: delay.max };
  const delays = Object.fromEntries(
    Object.entries(figures).map(([key, value]) => [key, ms(value)]),
  );
  console.log(JSON.stringify({ seconds, ...delays, rss: process.resourceUsage().maxRSS / 1024 }));
}

async function many(lading, address) {
  let next = 0;
  const worker = async () => {
    while (next < 500) await lading.pull(`${address}/app:${next++}`);
  };
  await Promise.all(Array.from({ length: 50 }, worker));
}
