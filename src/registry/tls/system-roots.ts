import { readdir, readlink } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { readDocument } from "../../disk/document.ts";
import { LadingError } from "../../errors.ts";
import { certificatesIn } from "./pem.ts";

/** Where a system keeps the authorities that it trusts. */
export interface RootPlaces {
  /** The first that is there counts. */
  readonly bundles: readonly string[];
  /** Looked into only where there is no bundle: it holds the same. */
  readonly folders: readonly string[];
  /** What Node itself knows of the system's, where it does: macOS, Windows. */
  readonly native: () => Promise<readonly string[]>;
}

/**
 * The authorities that the system trusts, each once, as PEM texts, as tools written in Go see them: `SSL_CERT_FILE`
 * and `SSL_CERT_DIR`, else the distribution's bundle. With `NODE_EXTRA_CA_CERTS`, which Node itself adds
 * only to its own list. `undefined`: nothing was found, and that list is all there is.
 *
 * @see https://pkg.go.dev/crypto/x509#SystemCertPool
 */
export async function systemRoots(
  environment: NodeJS.ProcessEnv,
  places: RootPlaces = USUAL,
): Promise<readonly string[] | undefined> {
  const { SSL_CERT_FILE, SSL_CERT_DIR, NODE_EXTRA_CA_CERTS } = environment;
  const bundle = await firstBundle(SSL_CERT_FILE ? [SSL_CERT_FILE] : places.bundles);
  const folders = SSL_CERT_DIR ? SSL_CERT_DIR.split(delimiter).filter((path) => path !== "") : [];
  const roots = [...bundle, ...(await allIn(folders))];
  if (roots.length === 0 && (SSL_CERT_FILE || SSL_CERT_DIR)) throw nothingThere(environment);
  if (roots.length === 0) roots.push(...(await places.native()));
  if (roots.length === 0) roots.push(...(await allIn(places.folders)));
  if (roots.length === 0) return undefined;
  if (NODE_EXTRA_CA_CERTS) roots.push(...(await firstBundle([NODE_EXTRA_CA_CERTS])));
  // Variables may name one bundle three times, and OpenSSL takes a while for each certificate.
  return [...new Set(roots.flatMap(certificatesIn))];
}

const USUAL: RootPlaces = {
  bundles: [
    // Debian and its kin, Fedora and RHEL 6, openSUSE, OpenELEC, RHEL 7 and later, Alpine.
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/pki/tls/cacert.pem",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/cert.pem",
  ],
  folders: ["/etc/ssl/certs", "/etc/pki/tls/certs"],
  native: nativeRoots,
};

/** Since Node 22.15. */
async function nativeRoots(): Promise<readonly string[]> {
  const tls: { getCACertificates?: (kind: "system") => string[] } = await import("node:tls");
  return tls.getCACertificates?.("system") ?? [];
}

const MAX_BUNDLE_BYTES = 4 * 1024 * 1024;

async function firstBundle(paths: readonly string[]): Promise<readonly string[]> {
  for (const path of paths) {
    const text = await certificatesOf(path);
    if (text !== undefined) return [text];
  }
  return [];
}

async function allIn(folders: readonly string[]): Promise<readonly string[]> {
  const found: string[] = [];
  for (const folder of folders) {
    const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
    for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const path = join(folder, entry.name);
      // `002c0b4f.0 -> GlobalSign.pem`: OpenSSL's other name for a file of the same folder.
      if (entry.isSymbolicLink() && !(await readlink(path)).includes("/")) continue;
      const text = await certificatesOf(path);
      if (text !== undefined) found.push(text);
    }
  }
  return found;
}

/** `undefined` for what is not there, can't be read, or holds none: the next place is tried then. */
async function certificatesOf(path: string): Promise<string | undefined> {
  const bytes = await readDocument(path, MAX_BUNDLE_BYTES).catch(() => undefined);
  const text = bytes === undefined ? "" : Buffer.from(bytes).toString("latin1");
  return certificatesIn(text).length > 0 ? text : undefined;
}

/** Whoever names a place to trust does not want another one to be trusted in its stead. */
function nothingThere({ SSL_CERT_FILE, SSL_CERT_DIR }: NodeJS.ProcessEnv): LadingError {
  const name = SSL_CERT_FILE ? "SSL_CERT_FILE" : "SSL_CERT_DIR";
  return new LadingError("usage", `there are no certificates where ${name} says`, {
    path: SSL_CERT_FILE || SSL_CERT_DIR,
    hint: `correct ${name}, or unset it to trust what the system trusts`,
  });
}
