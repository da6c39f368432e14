import { createHash } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { LadingEvent } from "../../src/content/events.ts";
import type { Descriptor } from "../../src/oci/descriptor.ts";
import { parseDigest } from "../../src/oci/digest.ts";
import { parseReference } from "../../src/oci/reference.ts";
import {
  createRegistryClient,
  type RegistryClient,
  type RegistryClientOptions,
} from "../../src/registry/client.ts";
import { temporaryFolder } from "../temporary.ts";
import type { ScriptedRegistry } from "./scripted-registry.ts";

const noRetry = { retries: 0, baseMs: 1, capMs: 1, random: () => 0 };

/** A client that nothing of the machine reaches: no proxy, no credentials, no second tries. */
export function clientFor(options: RegistryClientOptions = {}): RegistryClient {
  return createRegistryClient({
    environment: {},
    credentials: { get: async () => undefined },
    retry: noRetry,
    ...options,
  });
}

/** Reads a blob of the repository `app` to its end; its text. */
export async function readBlob(
  client: RegistryClient,
  registry: string,
  descriptor: Descriptor,
  onEvent?: (event: LadingEvent) => void,
): Promise<string> {
  const repository = await client.repository(parseReference(`${registry}/app`));
  const content = await repository.open(descriptor, { offset: 0 }, { onEvent });
  const chunks: Uint8Array[] = [];
  await content.read((chunk) => void chunks.push(chunk));
  return Buffer.concat(chunks).toString();
}

/** A blob that a registry holds: what it sends is not verified here. */
export function blobIn(registry: ScriptedRegistry, text = "a blob"): Descriptor {
  return registry.content.add("application/octet-stream", Buffer.from(text));
}

/** What a blob of that text would be. */
export function describeText(text: string): Descriptor {
  const hex = createHash("sha256").update(text).digest("hex");
  return {
    mediaType: "application/octet-stream",
    digest: parseDigest(`sha256:${hex}`),
    size: Buffer.byteLength(text),
  };
}

/** PEM texts as files, for settings that name files. */
export async function pemFiles<Name extends string>(
  texts: Readonly<Record<Name, string>>,
): Promise<Record<Name, string>> {
  const folder = await temporaryFolder();
  const entries = Object.entries<string>(texts).map(async ([name, text]) => {
    const path = join(folder, `${name}.pem`);
    await writeFile(path, text);
    return [name, path] as const;
  });
  return Object.fromEntries(await Promise.all(entries)) as Record<Name, string>;
}
