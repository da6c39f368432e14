import { built, runChild } from "../../child.ts";

export interface PullManyOptions {
  readonly root: string;
  readonly references: readonly string[];
  /** At one time. */
  readonly parallel: number;
  /** After how many pulls memory is looked at. */
  readonly every: number;
  readonly users: Readonly<
    Record<string, { readonly username: string; readonly password: string }>
  >;
  readonly ca: string;
}

export interface PulledMany {
  /** `REFERENCE: what went wrong`. */
  readonly failures: readonly string[];
  readonly warnings: readonly string[];
  /** Open file descriptors after a first pull's lading was closed, and after that of all others was. */
  readonly descriptors: readonly [before: number, after: number];
  /** After a collection of garbage, in bytes. */
  readonly memory: readonly { readonly heap: number; readonly resident: number }[];
}

/** Pulls in a process of its own, all but the first through one `open`, and looks at what it holds. */
export async function pullMany(options: PullManyOptions): Promise<PulledMany> {
  const child = runChild(`
    import { readdirSync } from "node:fs";
    import { setFlagsFromString } from "node:v8";
    import { runInNewContext } from "node:vm";
    import { hostCredentials, open } from ${JSON.stringify(built("index.js"))};
    const { root, references, parallel, every, users, ca } = ${JSON.stringify(options)};
    setFlagsFromString("--expose-gc");
    const collect = runInNewContext("gc");
    const descriptors = () => readdirSync("/proc/self/fd").length - 1;
    const credentials = Object.fromEntries(
      Object.entries(users).map(([host, user]) => [host, { kind: "basic", ...user }]),
    );
    const [failures, warnings, memory] = [[], [], []];
    const opened = () =>
      open({
        root,
        config: false,
        credentials: hostCredentials(credentials),
        transport: { ca },
        onEvent: (event) => event.type === "warning" && warnings.push(event.message),
      });
    // What is closed, or no longer of use, is gone.
    const settled = async () => {
      for (let turn = 0; turn < 10; turn += 1) {
        await new Promise((resolve) => setImmediate(resolve));
        collect();
      }
      return descriptors();
    };
    const [first, ...waiting] = references;
    const warm = await opened();
    await (await warm.pull(first)).lease.release();
    await warm.close();
    const before = await settled();
    const lading = await opened();
    let done = 0;
    async function work() {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
        try {
          const pulled = await lading.pull(next);
          await pulled.lease.release();
        } catch (error) {
          failures.push(next + ": " + error.message);
        }
        done += 1;
        if (done % every !== 0) continue;
        collect();
        const { heapUsed, rss } = process.memoryUsage();
        memory.push({ heap: heapUsed, resident: rss });
      }
    }
    await Promise.all(Array.from({ length: parallel }, work));
    await lading.close();
    const result = { failures, warnings, descriptors: [before, await settled()], memory };
    say("result " + JSON.stringify(result));
  `);
  const code = await child.ended();
  const line = child.output.split("\n").find((text) => text.startsWith("result "));
  if (code !== 0 || line === undefined) throw new Error(`ended with ${code}: ${child.output}`);
  return JSON.parse(line.slice("result ".length)) as PulledMany;
}
