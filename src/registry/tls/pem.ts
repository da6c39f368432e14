import { readDocument } from "../../disk/document.ts";
import { LadingError } from "../../errors.ts";

/** Longer than any bundle of authorities that there is. */
const MAX_PEM_BYTES = 4 * 1024 * 1024;

/** The text of a PEM file with certificates that a setting names; an error that says whose it is else. */
export async function readCertificates(path: string): Promise<string> {
  const text = await readPem(path);
  if (certificatesIn(text).length === 0) {
    throw wrong(path, "there is no certificate in it", "a PEM file is needed: BEGIN CERTIFICATE");
  }
  return text;
}

/** The text of a PEM file with a private key. */
export async function readPrivateKey(path: string): Promise<string> {
  const text = await readPem(path);
  if (!hasPrivateKey(text)) {
    throw wrong(path, "there is no private key in it", "a PEM file is needed: BEGIN PRIVATE KEY");
  }
  if (ENCRYPTED.test(text)) {
    throw wrong(
      path,
      "its private key is encrypted",
      "nobody could be asked for its passphrase: decrypt it with openssl pkey",
    );
  }
  return text;
}

/** The certificates of a PEM text, one by one, without what stands around them. */
export function certificatesIn(text: string): readonly string[] {
  return text.match(CERTIFICATE) ?? [];
}

export function hasPrivateKey(text: string): boolean {
  return /^-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----/m.test(text);
}

const CERTIFICATE =
  /^-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END (?:X509 |TRUSTED )?CERTIFICATE-----/gm;
const ENCRYPTED = /^-----BEGIN ENCRYPTED PRIVATE KEY-----|^Proc-Type: 4,ENCRYPTED/m;

async function readPem(path: string): Promise<string> {
  let bytes: Uint8Array | undefined;
  try {
    bytes = await readDocument(path, MAX_PEM_BYTES);
  } catch (cause) {
    if (!(cause instanceof LadingError)) throw cause;
    throw wrong(path, cause.message, cause.hint, cause);
  }
  if (bytes === undefined) throw wrong(path, "it is not there", "mend the settings that name it");
  return Buffer.from(bytes).toString("latin1");
}

function wrong(path: string, why: string, hint: string | undefined, cause?: unknown): LadingError {
  return new LadingError("usage", `${path}: ${why}`, { path, hint, cause });
}
