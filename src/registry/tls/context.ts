import type { SecureContext } from "node:tls";
import { LadingError } from "../../errors.ts";
import type { TlsSettings } from "../settings/types.ts";
import { readCertificates, readPrivateKey } from "./pem.ts";

/** The authorities that are trusted by everybody, as PEM texts; `undefined`: Node's own list. */
export type Roots = () => Promise<readonly string[] | undefined>;

/**
 * What TLS needs for each kind of settings, made once: reading a bundle of authorities costs up to a
 * tenth of a second. What one registry's settings trust is trusted for no other.
 */
export class SecureContexts {
  readonly #roots: Roots;
  readonly #made = new Map<string, Promise<SecureContext>>();
  #trusted: Promise<readonly string[] | undefined> | undefined;

  constructor(roots: Roots) {
    this.#roots = roots;
  }

  /** `trusting: false`: no authority at all, where nothing is verified, or nothing will come of it. */
  get({ ca, client }: TlsSettings, trusting: boolean): Promise<SecureContext> {
    const key = JSON.stringify([trusting, ca, client]);
    const known = this.#made.get(key);
    if (known !== undefined) return known;
    const made = this.#make(ca, client, trusting).catch((error: unknown) => {
      // The next request tries again: a file may have been mended by then.
      this.#made.delete(key);
      throw error;
    });
    this.#made.set(key, made);
    return made;
  }

  async #make(
    ca: TlsSettings["ca"],
    client: TlsSettings["client"],
    trusting: boolean,
  ): Promise<SecureContext> {
    const tls = await import("node:tls");
    const roots = trusting ? await this.#systemRoots() : [];
    const own = await Promise.all(ca.map(readCertificates));
    const trusted = roots ?? (own.length === 0 ? undefined : tls.rootCertificates);
    const cert = await Promise.all(client.map((one) => readCertificates(one.cert)));
    const key = await Promise.all(client.map((one) => readPrivateKey(one.key)));
    try {
      return tls.createSecureContext({
        // Each by itself: of one text OpenSSL reads no further than the first that it can't.
        ...(trusted === undefined ? {} : { ca: [...trusted, ...own] }),
        ...(client.length === 0 ? {} : { cert, key }),
      });
    } catch (cause) {
      throw unusable([...ca, ...client.flatMap((one) => [one.cert, one.key])], cause);
    }
  }

  #systemRoots(): Promise<readonly string[] | undefined> {
    this.#trusted ??= this.#roots().catch((error: unknown) => {
      this.#trusted = undefined;
      throw error;
    });
    return this.#trusted;
  }
}

function unusable(paths: readonly string[], cause: unknown): LadingError {
  const why = cause instanceof Error && /KEY_VALUES_MISMATCH/i.test(String(cause)) ? MISMATCH : "";
  return new LadingError("usage", `certificates can't be used${why}: ${paths.join(", ")}`, {
    path: paths[0],
    cause,
    hint: "run: lading config check",
  });
}

const MISMATCH = ", for a key does not belong to its certificate";
