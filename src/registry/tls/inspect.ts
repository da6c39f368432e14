import { X509Certificate } from "node:crypto";
import { LadingError } from "../../errors.ts";
import { certificatesIn, readCertificates, readPrivateKey } from "./pem.ts";

export interface CertificateReport {
  /** When what is named is no longer good. */
  readonly expires: Date | undefined;
  readonly problems: readonly {
    readonly severity: "error" | "warning";
    readonly message: string;
  }[];
}

const DAY = 86_400_000;

/** Whoever has to renew one wants to know some days before. */
const SOON = 14 * DAY;

/** Opens what a setting names: authorities, or a client certificate with its key. */
export async function inspectCertificates(
  files: { readonly ca: string } | { readonly cert: string; readonly key: string },
  now: number,
): Promise<CertificateReport> {
  try {
    return "ca" in files
      ? await inspectFile(files.ca, now)
      : await inspectClient(files.cert, files.key, now);
  } catch (error) {
    if (!(error instanceof LadingError)) throw error;
    return { expires: undefined, problems: [{ severity: "error", message: error.message }] };
  }
}

async function inspectFile(path: string, now: number): Promise<CertificateReport> {
  const certificates = certificatesIn(await readCertificates(path)).map((pem) => read(path, pem));
  // Of several authorities, old and new, one is enough.
  return lifetime(path, certificates, now, Math.max);
}

async function inspectClient(cert: string, key: string, now: number): Promise<CertificateReport> {
  const chain = certificatesIn(await readCertificates(cert)).map((pem) => read(cert, pem));
  const report = lifetime(cert, chain, now, Math.min);
  const { createPrivateKey } = await import("node:crypto");
  const text = await readPrivateKey(key);
  let fits = false;
  try {
    fits = chain[0]?.checkPrivateKey(createPrivateKey(text)) === true;
  } catch (cause) {
    throw new LadingError("usage", `${key}: its private key can't be read`, { path: key, cause });
  }
  if (fits) return report;
  const message = `${key}: it is not the key of ${cert}`;
  return { ...report, problems: [...report.problems, { severity: "error", message }] };
}

function read(path: string, pem: string): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch (cause) {
    throw new LadingError("usage", `${path}: a certificate in it can't be read`, { path, cause });
  }
}

function lifetime(
  path: string,
  certificates: readonly X509Certificate[],
  now: number,
  which: (...times: number[]) => number,
): CertificateReport {
  const first = which(...certificates.map(({ validTo }) => Date.parse(validTo)));
  const begins = Math.min(...certificates.map(({ validFrom }) => Date.parse(validFrom)));
  const problems: { severity: "warning"; message: string }[] = [];
  const warn = (message: string): void => void problems.push({ severity: "warning", message });
  if (first <= now) warn(`${path}: it expired on ${day(first)}`);
  else if (first - now < SOON) warn(`${path}: it expires soon, on ${day(first)}`);
  if (begins > now) warn(`${path}: it is not good before ${day(begins)}`);
  return { expires: new Date(first), problems };
}

const day = (time: number): string => new Date(time).toISOString().slice(0, 10);
