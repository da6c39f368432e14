import { describe, expect, it } from "vitest";
import { RetryBudget } from "../../src/content/retry.ts";
import { ManualClock } from "../manual-clock.ts";

const policy = { retries: 3, baseMs: 100, capMs: 1000, random: () => 0.5 };

describe("a budget of retries", () => {
  it("allows as many as the policy says, whoever tries", () => {
    const budget = new RetryBudget(policy);
    const waits = Array.from({ length: 5 }, () => budget.failed(budget.round));
    expect(waits).toEqual([50, 100, 200, undefined, undefined]);
    expect(budget.spent).toBe(true);
  });

  it("begins again after progress", () => {
    const budget = new RetryBudget(policy);
    for (let n = 0; n < 3; n += 1) budget.failed(budget.round);
    budget.progressed();
    expect(budget.failed(budget.round)).toBe(50);
  });

  it("waits five minutes in all when it is told to, progress or not", () => {
    const budget = new RetryBudget({ ...policy, retries: 100 });
    const waits = Array.from({ length: 7 }, () => {
      budget.progressed();
      return budget.failed(budget.round, 60_000);
    });
    expect(waits.filter((ms) => ms === 60_000)).toHaveLength(5);
    expect(budget.spent).toBe(true);
  });

  it("counts tries that fail together once, and the next one of each of them", async () => {
    const clock = new ManualClock();
    const budget = new RetryBudget(policy);
    const { round } = budget;
    expect(budget.failed(round)).toBe(50);
    const waiting = budget.wait(50, clock, undefined);
    for (let n = 0; n < 4; n += 1) expect(budget.failed(round)).toBe(50);
    expect(budget.failures).toBe(1);
    // One of them did not wait as long, and fails again.
    budget.failed(budget.round);
    expect(budget.failures).toBe(2);
    clock.advance(50);
    await waiting;
    budget.failed(round);
    expect(budget.failures).toBe(3);
  });
});
