import { expect, it } from "vitest";
import { type Answered, Remembered } from "../../../src/registry/auth/sources/remember.ts";
import { ManualClock } from "../../manual-clock.ts";

/** Questions that the test answers. */
function rig() {
  const clock = new ManualClock(0);
  const remembered = new Remembered<string>(clock);
  const asked: { signal: AbortSignal; answer(value: string): void; fail(error: Error): void }[] =
    [];
  const get = (key = "a", signal?: AbortSignal) =>
    remembered.get(
      key,
      signal,
      (signal) =>
        new Promise<Answered<string>>((resolve, reject) => {
          const answer = (value: string): void => resolve({ value, expires: clock.now() + 1_000 });
          asked.push({ signal, answer, fail: reject });
        }),
    );
  return { clock, remembered, asked, get };
}

it("an answer is asked for once by many, and kept until it expires", async () => {
  const { clock, asked, get } = rig();
  const first = [get(), get(), get("b")];
  expect(asked).toHaveLength(2);
  asked[0]?.answer("one");
  asked[1]?.answer("two");
  expect(await Promise.all(first)).toEqual(["one", "one", "two"]);
  clock.advance(999);
  expect(await get()).toBe("one");
  clock.advance(1);
  const later = get();
  asked[2]?.answer("three");
  expect(await later).toBe("three");
});

it("a failure is told to all who wait, and not kept", async () => {
  const { asked, get } = rig();
  const failures = [get(), get()].map((waiting) => waiting.catch((error: unknown) => error));
  asked[0]?.fail(new Error("no"));
  expect(String(await Promise.all(failures))).toBe("Error: no,Error: no");
  const again = get();
  asked[1]?.answer("yes");
  expect(await again).toBe("yes");
});

it("one who gives up does not end it for the others; the last one does", async () => {
  const { asked, get } = rig();
  const [one, two] = [new AbortController(), new AbortController()];
  const first = get("a", one.signal).catch((error: { code: string }) => error.code);
  const second = get("a", two.signal).catch((error: { code: string }) => error.code);
  one.abort();
  expect(await first).toBe("aborted");
  expect(asked[0]?.signal.aborted).toBe(false);
  two.abort();
  expect(await second).toBe("aborted");
  expect(asked[0]?.signal.aborted).toBe(true);
  const third = get();
  expect(asked).toHaveLength(2);
  asked[1]?.answer("new");
  expect(await third).toBe("new");
  await expect(get("a", one.signal)).rejects.toMatchObject({ code: "aborted" });
});

it("what was wrong is forgotten, and nothing else", async () => {
  const { asked, remembered, get } = rig();
  const both = [get("a"), get("b")];
  asked[0]?.answer("wrong");
  asked[1]?.answer("right");
  await Promise.all(both);
  remembered.forget((value) => value === "wrong");
  expect(await get("b")).toBe("right");
  void get("a");
  expect(asked).toHaveLength(3);
});
