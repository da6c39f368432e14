import type { LadingEvent } from "../../content/events.ts";
import type { RequestTrace } from "../../content/request-trace.ts";
import { LadingError } from "../../errors.ts";
import type { Descriptor } from "../../oci/descriptor.ts";
import { formatReference, type Reference } from "../../oci/reference.ts";
import { parseChallenges } from "../../registry/auth/challenge.ts";
import { whoami } from "../access/whoami.ts";
import { type FetchedImage, fetchManifestAndConfig } from "../fetch.ts";
import type { Session } from "../session.ts";
import type { Finding } from "./steps.ts";

export interface Asking {
  readonly session: Session;
  readonly reference: Reference;
  readonly platform: string | undefined;
  readonly signal: AbortSignal | undefined;
}

/** Whether what answers is a registry, and how it wants to know who asks. */
export async function askRegistry(asking: Asking): Promise<Finding<string>> {
  const { session, reference, signal } = asking;
  const client = await session.registry();
  const { registry } = reference;
  const { status, url, headers } = await client.ping(registry, { credentials: null, signal });
  const challenges = parseChallenges(headers["www-authenticate"] ?? "");
  if (status === 401 && challenges.length > 0) {
    const wants = challenges.map(({ scheme }) => NAMES[scheme] ?? scheme).join(" or ");
    return { value: wants, detail: `answers, and asks who it is (${wants})` };
  }
  if (status === 200) return { value: "nobody", detail: "answers, and asks nobody who it is" };
  if (status === 404 && "docker-distribution-api-version" in headers) {
    return { value: "nobody", detail: "answers (404, with its version)" };
  }
  throw new LadingError("registry-unavailable", `${registry} answered ${status} to GET /v2/`, {
    url,
    status,
    hint: "is this a registry? one behind a path needs server in a settings file (docs/registries.md)",
  });
}

const NAMES: Readonly<Record<string, string>> = { basic: "Basic", bearer: "Bearer" };

export async function findCredentials(asking: Asking): Promise<Finding<string>> {
  const { session, reference, signal } = asking;
  const who = await whoami(session, formatReference(reference), { signal });
  if (who.from === undefined) {
    return { value: "anonymous", detail: "none, which is enough for public images" };
  }
  const { name, path, key } = who.from;
  const where = [path ?? name, key === undefined ? "" : `(${key})`].filter(Boolean).join(" ");
  const me = who.username ?? (who.kind === "basic" ? "a password" : "a token");
  return { value: me, detail: `${me}, by ${where}` };
}

export interface Answered {
  readonly requests: readonly RequestTrace[];
  readonly image: FetchedImage | undefined;
  readonly failure: unknown;
}

/** Asks for manifest and config as a pull does, and keeps what that took, for the steps that tell of it. */
export async function askForImage(asking: Asking): Promise<Answered> {
  const { session, reference, platform, signal } = asking;
  const requests: RequestTrace[] = [];
  const onEvent = (event: LadingEvent): void => {
    if (event.type === "request") requests.push(event);
  };
  const options = { platform, signal, onEvent };
  try {
    const image = await fetchManifestAndConfig(session, formatReference(reference), options);
    return { requests, image, failure: undefined };
  } catch (failure) {
    return { requests, image: undefined, failure };
  }
}

/** The token, if the registry sent us for one: where it failed, the manifest was not asked for in vain. */
export async function tokenStep({ requests, failure }: Answered): Promise<Finding<true>> {
  const tokens = requests.filter(({ role }) => role === "token");
  const last = tokens.at(-1);
  if (last === undefined) return { value: true, state: "skipped", detail: "none is asked for" };
  const { host } = new URL(last.url);
  if (last.error !== undefined || (last.status ?? 0) >= 400) throw failure ?? refused(host);
  return { value: true, detail: `given by ${host} in ${Math.round(last.ms)} ms` };
}

function refused(host: string): LadingError {
  return new LadingError("unauthorized", `${host} gives no token`);
}

export async function manifestStep({ image, failure }: Answered): Promise<Finding<FetchedImage>> {
  if (image === undefined) throw failure;
  const { descriptor, config, manifest } = image;
  const { os, architecture } = config.platform;
  const layers = manifest.layers.length === 1 ? "1 layer" : `${manifest.layers.length} layers`;
  return { value: image, detail: `${descriptor.digest}, ${os}/${architecture}, ${layers}` };
}

/** Whether an interrupted download can go on where it stopped. */
export async function rangeStep({
  session,
  reference,
  signal,
  image,
}: Asking & { readonly image: FetchedImage }): Promise<Finding<boolean>> {
  const repository = await session.repository(reference);
  const blob = smallestOf(image);
  const content = await repository.open(blob, { offset: 1, length: 1 }, { signal });
  const { ranged } = content;
  content.cancel();
  if (ranged) return { value: true, detail: "parts of blobs are given" };
  return {
    value: false,
    state: "warning",
    detail: "blobs are given whole only",
    hint: "a download that breaks off begins again; a proxy in between may be why",
  };
}

/** Where ranges are ignored the whole may come, before anyone hangs up. */
function smallestOf({ manifest }: FetchedImage): Descriptor {
  const blobs = [manifest.config, ...manifest.layers].filter(({ size }) => size > 1);
  return blobs.reduce((least, blob) => (blob.size < least.size ? blob : least), manifest.config);
}

export async function rateLimitStep({
  session,
  reference,
  signal,
}: Asking): Promise<Finding<true>> {
  const repository = await session.repository(reference);
  const name = reference.digest ?? reference.tag ?? "latest";
  const limit = await repository.rateLimit(name, { signal });
  if (limit === undefined) return { value: true, detail: "it tells of none" };
  const detail = `${limit.remaining} of ${limit.limit} left`;
  if (limit.remaining > 0) return { value: true, detail };
  const hint = "wait, or log in: accounts may ask more often than addresses";
  return { value: true, state: "warning", detail, hint };
}
