import type { LadingEvent } from "../../content/events.ts";
import type { RequestTrace } from "../../content/request-trace.ts";
import { LadingError } from "../../errors.ts";
import type { Descriptor } from "../../oci/descriptor.ts";
import type { ImageManifest } from "../../oci/manifest.ts";
import { formatReference } from "../../oci/reference.ts";
import { type FetchedImage, type FetchedManifest, fetchImageOrArtifact } from "../fetch.ts";
import type { Asking } from "./ask.ts";
import type { Finding } from "./steps.ts";

/** What a pull begins with; an artifact (a helm chart) has no config. */
export type Content = FetchedImage | FetchedManifest;

export interface Answered {
  /** In the order of sending. */
  readonly requests: readonly RequestTrace[];
  /** Mirrors that were passed over, in that order. */
  readonly passedOver: readonly PassedOver[];
  readonly content: Content | undefined;
  readonly failure: unknown;
}

type PassedOver = Extract<LadingEvent, { readonly type: "mirror" }>;

/** Asks for manifest and config as a pull does, and keeps what that took, for the steps that tell of it. */
export async function askForImage(asking: Asking): Promise<Answered> {
  const { session, reference, platform, operation } = asking;
  const ended: RequestTrace[] = [];
  const passedOver: PassedOver[] = [];
  const onEvent = (event: LadingEvent): void => {
    if (event.type === "request") ended.push(event);
    if (event.type === "mirror") passedOver.push(event);
    operation.onEvent?.(event);
  };
  const told = () => ({ requests: ended.sort((one, other) => one.id - other.id), passedOver });
  try {
    const options = { ...operation, platform, onEvent };
    const content = await fetchImageOrArtifact(session, formatReference(reference), options);
    return { ...told(), content, failure: undefined };
  } catch (failure) {
    return { ...told(), content: undefined, failure };
  }
}

/** The token, if the registry sent us for one: where it failed, the manifest was not asked for in vain. */
export async function tokenStep(answered: Answered): Promise<Finding<true>> {
  const { content, failure } = answered;
  const last = registryTokens(answered).at(-1);
  if (last === undefined) return { value: true, state: "skipped", detail: "none is asked for" };
  const { host } = new URL(last.url);
  if (last.error === undefined && (last.status ?? 0) < 400) {
    return { value: true, detail: `given by ${host} in ${Math.round(last.ms)} ms` };
  }
  if (content !== undefined) return { value: true, state: "skipped", detail: "none was needed" };
  throw failure ?? refused(host);
}

/** A mirror may send us for tokens as well: whose they are shows by who had answered 401 before. */
function registryTokens({ requests }: Answered): readonly RequestTrace[] {
  let asker: RequestTrace | undefined;
  const tokens: RequestTrace[] = [];
  for (const request of requests) {
    if (request.role !== "token") {
      if (request.status === 401) asker = request;
    } else if (asker?.mirror === undefined) tokens.push(request);
  }
  return tokens;
}

function refused(host: string): LadingError {
  return new LadingError("unauthorized", `${host} gives no token`);
}

export async function manifestStep(answered: Answered): Promise<Finding<Content>> {
  const { content, failure } = answered;
  if (content === undefined) throw failure;
  const mirror = manifestMirror(answered);
  const detail = [
    content.descriptor.digest,
    ...("config" in content ? imageInWords(content) : ["an artifact"]),
    ...(mirror === undefined ? [] : [`from mirror ${mirror}`]),
  ].join(", ");
  return { value: content, detail };
}

function imageInWords({ config, manifest }: FetchedImage): readonly string[] {
  const { os, architecture } = config.platform;
  const { length } = manifest.layers;
  return [`${os}/${architecture}`, length === 1 ? "1 layer" : `${length} layers`];
}

/** The mirror that gave the manifest; `undefined`: the registry did, or nobody. */
function manifestMirror({ requests }: Answered): string | undefined {
  const given = requests.filter(isGiven);
  const mirror = given.findLast(({ url }) => new URL(url).pathname.includes("/manifests/"))?.mirror;
  return mirror === undefined ? undefined : new URL(mirror).host;
}

function isGiven({ status, error }: RequestTrace): boolean {
  return status !== undefined && status < 400 && error === undefined;
}

/** Which mirrors were no help, and which were; a pull goes on with the next place. */
export async function mirrorsStep({
  requests,
  passedOver,
  content,
}: Answered): Promise<Finding<true>> {
  const helped = requests.filter(isGiven).flatMap(({ mirror = [] }) => mirror);
  const itself = content !== undefined && helped.length === 0 ? ["the registry itself"] : [];
  const answering = [...new Set(helped)].map((mirror) => new URL(mirror).host);
  const told = [
    ...passedOver.map(({ mirror, reason }) => `${new URL(mirror).host} passed over: ${reason}`),
    ...[...answering, ...itself].map((one) => `${one} answered`),
  ];
  const detail = told.length === 0 ? "none was asked" : [...new Set(told)].join("; ");
  if (passedOver.length === 0) return { value: true, detail };
  const hint = "a pull goes on without; lading config show REGISTRY says how each is reached";
  return { value: true, state: "warning", detail, hint };
}

/** Whether an interrupted download can go on where it stopped. */
export async function rangeStep({
  session,
  reference,
  operation,
  content,
}: Asking & { readonly content: Content }): Promise<Finding<boolean>> {
  if (!("config" in content)) {
    return { value: false, state: "skipped", detail: "it is an artifact" };
  }
  const repository = await session.repository(reference);
  const blob = smallestOf(content.manifest);
  const opened = await repository.open(blob, { offset: 1, length: 1 }, operation);
  const { ranged } = opened;
  opened.cancel();
  if (ranged) return { value: true, detail: "parts of blobs are given" };
  return {
    value: false,
    state: "warning",
    detail: "blobs are given whole only",
    hint: "a download that breaks off begins again; a proxy in between may be why",
  };
}

/** Where ranges are ignored the whole may come, before anyone hangs up. */
function smallestOf({ config, layers }: ImageManifest): Descriptor {
  const blobs = [config, ...layers].filter(({ size }) => size > 1);
  return blobs.reduce((least, blob) => (blob.size < least.size ? blob : least), config);
}
