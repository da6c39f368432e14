import type { SettingsProblem } from "../../registry/settings/problem.ts";
import type { CertificateReport } from "../../registry/tls/inspect.ts";
import type { Session } from "../session.ts";
import type { SettingsPart } from "./every-file.ts";

/** A settings file, or a folder of certificates, as it was found. */
export interface SettingsFile {
  readonly path: string;
  readonly kind: "lading.toml" | "hosts.toml" | "certificates";
  /** Whose folder it is in. */
  readonly registry?: string;
  /** When the first certificate that it names is no longer good. */
  readonly expires?: string;
  readonly problems: readonly SettingsProblem[];
}

export interface CheckSettingsOptions {
  /** A file in place of those that `open` was told of. */
  readonly config?: string | undefined;
}

/**
 * Reads every settings file in every place, opens the certificates that they name, and says all that is
 * wrong, where a pull would stop at the first that it needs.
 */
export async function checkSettings(
  session: Session,
  options: CheckSettingsOptions = {},
): Promise<readonly SettingsFile[]> {
  const { readEverything } = await import("./every-file.ts");
  const config = options.config ?? session.options.config;
  const files: SettingsFile[] = [];
  for (const part of await readEverything({ config })) {
    files.push(await checkPart(part, session.clock.now()));
  }
  return files;
}

async function checkPart(part: SettingsPart, now: number): Promise<SettingsFile> {
  const reports = await certificatesOf(part, now);
  const ends = reports.flatMap(({ expires }) => (expires === undefined ? [] : [expires.getTime()]));
  for (const { severity, message } of reports.flatMap(({ problems }) => problems)) {
    part.problems.add(severity, [], message);
  }
  const { path, kind, registries, problems } = part;
  const [registry] = kind === "lading.toml" ? [] : registries;
  return {
    path,
    kind,
    ...(registry === undefined ? {} : { registry }),
    ...(ends.length === 0 ? {} : { expires: new Date(Math.min(...ends)).toISOString() }),
    problems: [...problems.found].sort(byPlace),
  };
}

/** As one reads the file; what is about the whole of it, or a certificate, comes last. */
function byPlace(one: SettingsProblem, other: SettingsProblem): number {
  const end = Number.POSITIVE_INFINITY;
  if ((one.line ?? end) !== (other.line ?? end)) return (one.line ?? end) - (other.line ?? end);
  return (one.column ?? 0) - (other.column ?? 0);
}

async function certificatesOf(
  { endpoints }: SettingsPart,
  now: number,
): Promise<readonly CertificateReport[]> {
  const { inspectCertificates } = await import("../../registry/tls/inspect.ts");
  const authorities = new Set(endpoints.flatMap(({ ca = [] }) => ca));
  const clients = endpoints.flatMap(({ client = [] }) => client);
  return Promise.all([
    ...[...authorities].map((ca) => inspectCertificates({ ca }, now)),
    ...clients.map((client) => inspectCertificates(client, now)),
  ]);
}
