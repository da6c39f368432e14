import type { OperationOptions } from "../../content/events.ts";
import type { LadingError } from "../../errors.ts";
import { formatReference, parseReference, type Reference } from "../../oci/reference.ts";
import type { Session } from "../session.ts";
import { checkSettings } from "../settings/check.ts";
import { type Asking, askRegistry, findCredentials, rateLimitStep } from "./ask.ts";
import { askForImage, manifestStep, mirrorsStep, rangeStep, tokenStep } from "./image.ts";
import { diskStep, storeStep } from "./local.ts";
import { connectTo, type Host, resolveName, speakTls } from "./reach.ts";
import { type DoctorStep, type Finding, Steps } from "./steps.ts";

export interface DoctorOptions extends OperationOptions {
  /** Default: Linux on this machine's architecture. */
  readonly platform?: string | undefined;
}

export interface DoctorReport {
  /** Canonical; as given when it can't be read. */
  readonly reference: string;
  /** Whether a pull would work; warnings do not count. */
  readonly ok: boolean;
  /** In the order in which a pull needs them. */
  readonly steps: readonly DoctorStep[];
  /** Of the first step that failed. */
  readonly error: LadingError | undefined;
}

/**
 * Walks through all that pulling a reference needs, one step after another, as far as it gets; the store
 * is looked at in any case. Asks the registry for a manifest, a config and one byte of a blob. What fails
 * is in the report; only being aborted, and a fault of lading's own, throw.
 */
export async function doctor(
  session: Session,
  text: string,
  options: DoctorOptions = {},
): Promise<DoctorReport> {
  const { platform, ...operation } = session.operation(options);
  const { signal } = operation;
  const steps = new Steps(session.clock);
  const reference = await steps.take("reference", text, readReference);
  const host = await steps.take("settings", reference, (known) =>
    readSettings(session, known, signal),
  );
  // A mirror may answer in the registry's place.
  const mirrored = { without: (host?.settings.mirrors.length ?? 0) > 0 };
  const name = await steps.take("name", host, resolveName, mirrored);
  const connection = await steps.take("connection", name, connectTo, mirrored);
  const tls = await steps.take("tls", connection, speakTls, mirrored);
  const asking: Asking | undefined = reference && { session, reference, platform, operation };
  const asks = await steps.take("registry", tls && asking, askRegistry, mirrored);
  // Where nobody is asked who he is, a pull never looks for credentials.
  const needless = { without: asks !== true || mirrored.without };
  const credentials = await steps.take("credentials", host && asking, findCredentials, needless);
  const isReached = asks !== undefined || mirrored.without;
  const isKnown = credentials !== undefined || needless.without;
  const reached = host && isReached && isKnown ? asking : undefined;
  const answered = reached && (await askForImage(reached));
  const token = await steps.take("token", answered, tokenStep);
  const content = await steps.take("manifest", token && answered, manifestStep);
  if (mirrored.without) await steps.take("mirrors", answered, mirrorsStep);
  const there = reached && content && { ...reached, content };
  await steps.take("ranges", there, rangeStep);
  const asked = asks === undefined ? undefined : there;
  await steps.take("rate limit", asked, rateLimitStep, { without: true });
  const root = await steps.take("store", session, (one) => storeStep(one, signal));
  await steps.take("disk", root, (known) => diskStep(known, content));
  return {
    reference: reference === undefined ? text : formatReference(reference),
    ok: steps.failure === undefined,
    steps: steps.taken,
    error: steps.failure,
  };
}

async function readReference(text: string): Promise<Finding<Reference>> {
  const reference = parseReference(text);
  return { value: reference, detail: formatReference(reference) };
}

async function readSettings(
  session: Session,
  { registry }: Reference,
  signal: AbortSignal | undefined,
): Promise<Finding<Host>> {
  const settings = await (await session.settings()).forRegistry(registry);
  const value = { session, settings, signal };
  const { config, settings: given } = session.options;
  const files = config === false || given !== undefined ? [] : await checkSettings(session);
  const of = files.filter((file) => file.registry === undefined || file.registry === registry);
  const mirrors = settings.mirrors.map(({ base }) => base.host).join(", ");
  const detail = [
    of.length === 0 ? "no file" : of.map(({ path }) => path).join(", "),
    ...(mirrors === "" ? [] : [`mirrors: ${mirrors}`]),
    ...(settings.server.base.host === registry ? [] : [`asks ${settings.server.base.href}`]),
  ].join("; ");
  const problem = of.flatMap(({ problems }) => problems).at(0);
  if (problem === undefined) return { value, detail };
  const hint = `${problem.message} (lading config check says where, and what else there is)`;
  return { value, state: "warning", detail, hint };
}
