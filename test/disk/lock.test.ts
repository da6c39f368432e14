import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { systemClock } from "../../src/clock.ts";
import { acquireLock, tryLock } from "../../src/disk/lock.ts";
import { built, runChild } from "../child.ts";
import { temporaryFolder } from "../temporary.ts";

describe("a lock", () => {
  it("is had by many who share it, or by one alone", async () => {
    const path = join(await temporaryFolder(), "lock");
    const first = await tryLock(path, "shared");
    const second = await tryLock(path, "shared");
    expect(first && second).toBeDefined();
    expect(await tryLock(path, "exclusive")).toBeUndefined();
    first?.release();
    expect(await tryLock(path, "exclusive")).toBeUndefined();
    second?.release();
    const alone = await tryLock(path, "exclusive");
    expect(alone).toBeDefined();
    expect(await tryLock(path, "shared")).toBeUndefined();
    alone?.release();
  });

  it("of another process is waited for, with its pid, and is free when that is killed", async () => {
    const path = join(await temporaryFolder(), "lock");
    const child = holder(path);
    await child.said("held");
    expect(await tryLock(path, "exclusive")).toBeUndefined();
    const pids: (number | undefined)[] = [];
    const acquired = acquireLock(path, "exclusive", {
      clock: systemClock,
      onWait(pid) {
        pids.push(pid);
        void child.kill();
      },
    });
    (await acquired).release();
    expect(pids).toEqual([child.process.pid]);
  });

  it("is held though nobody can reach it any more, until its process ends", async () => {
    const path = join(await temporaryFolder(), "lock");
    const child = runChild(`
      import { setFlagsFromString } from "node:v8";
      import { runInNewContext } from "node:vm";
      import { tryLock } from ${JSON.stringify(built("disk/lock.js"))};
      setFlagsFromString("--expose-gc");
      const collect = runInNewContext("gc");
      await (async () => void (await tryLock(${JSON.stringify(path)}, "exclusive")))();
      for (let turn = 0; turn < 5; turn += 1) {
        await new Promise((resolve) => setImmediate(resolve));
        collect();
      }
      say("collected");
      process.stdin.resume();
    `);
    await child.said("collected");
    expect(await tryLock(path, "exclusive")).toBeUndefined();
    await child.kill();
    const free = await tryLock(path, "exclusive");
    expect(free).toBeDefined();
    free?.release();
  });

  it("is waited for no longer than the caller wants", async () => {
    const path = join(await temporaryFolder(), "lock");
    const held = await tryLock(path, "exclusive");
    const options = { clock: systemClock, timeoutMs: 30 };
    await expect(acquireLock(path, "exclusive", options)).rejects.toMatchObject({
      code: "store-busy",
    });
    const signal = AbortSignal.timeout(30);
    await expect(acquireLock(path, "shared", { clock: systemClock, signal })).rejects.toMatchObject(
      { code: "aborted" },
    );
    held?.release();
  });
});

function holder(path: string) {
  return runChild(`
    import { tryLock } from ${JSON.stringify(built("disk/lock.js"))};
    const lock = await tryLock(${JSON.stringify(path)}, "exclusive");
    say(lock ? "held" : "refused");
    process.stdin.resume();
    process.on("exit", () => lock.release());
  `);
}
