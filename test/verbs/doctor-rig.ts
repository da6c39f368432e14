import { onTestFinished } from "vitest";
import { randomImage } from "../../src/testkit/index.ts";
import type { DoctorOptions, DoctorReport } from "../../src/verbs/doctor/doctor.ts";
import type { DoctorStep, StepName } from "../../src/verbs/doctor/steps.ts";
import { open } from "../../src/verbs/open.ts";
import type { OpenOptions } from "../../src/verbs/session.ts";
import { ScriptedRegistry } from "../registry/scripted-registry.ts";
import { temporaryFolder } from "../temporary.ts";

const noRetry = { retries: 0, baseMs: 1, capMs: 1, random: () => 0 };

export async function registryWithImage(
  options: Parameters<typeof ScriptedRegistry.start>[0] = {},
): Promise<ScriptedRegistry> {
  const registry = await ScriptedRegistry.start(options);
  onTestFinished(() => registry[Symbol.asyncDispose]());
  registry.content.tag("app:1", randomImage(registry.content, { seed: 1 }).descriptor);
  return registry;
}

export async function examined(
  reference: string,
  options: OpenOptions = {},
  asked: DoctorOptions = {},
): Promise<DoctorReport> {
  const root = await temporaryFolder();
  await using lading = await open({ root, retry: noRetry, config: false, ...options });
  return lading.doctor(reference, asked);
}

export function step({ steps }: DoctorReport, name: StepName): DoctorStep {
  const found = steps.find((one) => one.name === name);
  if (found === undefined) throw new Error(`no step ${name}`);
  return found;
}
