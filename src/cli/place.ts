import { LadingError } from "../errors.ts";
import { parseReference } from "../oci/reference.ts";
import { isHostAlone } from "../verbs/access/host-alone.ts";
import type { PullPolicy } from "../verbs/pull.ts";

/** Where a reference on the command line is to be looked up. */
export interface Place {
  /** `undefined`: the command's own rule decides. */
  readonly side: "store" | "registry" | undefined;
  readonly reference: string;
}

const SIDES: readonly (readonly [string, Place["side"]])[] = [
  ["store:", "store"],
  ["docker://", "registry"],
];

/** Prefixes of transports that other tools know and a later version will. */
const LATER = ["oci:", "oci-archive:", "docker-archive:", "docker-daemon:", "containers-storage:"];

/**
 * Where an image is to be looked up. A host alone is no image: nobody who writes one means an image of
 * docker.io.
 */
export function parsePlace(text: string): Place {
  const place = readPrefix(text);
  const { side, reference } = place;
  if (side === "store" || !isHostAlone(reference)) return place;
  throw new LadingError(
    "usage",
    `${reference} is a registry; name an image on it: ${reference}/REPOSITORY`,
    {
      hint: `if Docker Hub's image of that name is meant: docker.io/library/${reference}`,
    },
  );
}

/**
 * Reads a transport prefix, which wins over a host of that name: `store:alpine` is in the local store,
 * `docker://alpine` (as skopeo's users write it) in its registry.
 */
function readPrefix(text: string): Place {
  for (const [prefix, side] of SIDES) {
    if (text.startsWith(prefix)) return { side, reference: text.slice(prefix.length) };
  }
  const later = LATER.find((prefix) => text.startsWith(prefix));
  if (later !== undefined) {
    throw new LadingError("invalid-reference", `${later} is not a place that lading reads yet`, {
      hint: "write a registry's reference, or store:REFERENCE for what has been pulled",
    });
  }
  return { side: undefined, reference: text };
}

/** When an image word asks the registry: only for what the store lacks, unless the place says more. */
export function policyOf({ side }: Place): PullPolicy {
  if (side === undefined) return "missing";
  return side === "store" ? "never" : "always";
}

/** The reference for a command to which only the registry makes sense. */
export function registryReference(text: string): string {
  return notStored(parsePlace(text));
}

/** What credentials are for: a reference, or a registry. */
export function withoutPrefix(text: string): string {
  return notStored(readPrefix(text));
}

function notStored({ side, reference }: Place): string {
  if (side !== "store") return reference;
  throw new LadingError("usage", "this command asks the registry; store: has no meaning here");
}

/** The reference for a command to which only the local store makes sense. */
export function storeReference(text: string): string {
  const { side, reference } = readPrefix(text);
  if (side !== "registry") return reference;
  throw new LadingError("usage", "this command is about the store; docker:// has no meaning here");
}

/** The host, with its port, of the registry that a reference names. */
export function registryOf(text: string): string {
  return parseReference(readPrefix(text).reference).registry;
}
