import { createPublicKey, generateKeyPairSync, randomBytes, sign } from "node:crypto";
import { isIP } from "node:net";

/** A certificate and its key, both PEM: as `node:tls` and `node:https` take them. */
export interface Issued {
  readonly cert: string;
  readonly key: string;
}

export interface IssueOptions {
  /** DNS names and addresses that it is for. Default: localhost and both loopback addresses. */
  readonly names?: readonly string[];
  /** The subject's common name. */
  readonly subject?: string;
  /** For a client in place of a server. */
  readonly client?: boolean;
  readonly notBefore?: Date;
  readonly notAfter?: Date;
}

export interface Authority extends Issued {
  issue(options?: IssueOptions): Issued;
}

const LOOPBACK_NAMES = ["localhost", "127.0.0.1", "::1"];

/** A certificate authority made on the spot: nothing is stored, nothing needs openssl. */
export function createAuthority(name = `authority ${randomBytes(4).toString("hex")}`): Authority {
  const own = keyPair();
  const caExtensions = [
    extension("2.5.29.19", sequence(BOOLEAN_TRUE), true),
    extension("2.5.29.15", bits(Uint8Array.of(0x06), 1), true), // keyCertSign, cRLSign
  ];
  const cert = certificate(
    { issuer: name, subject: name, spki: own.spki, extensions: caExtensions },
    own.key,
  );
  return {
    cert,
    key: own.key,
    issue(options = {}) {
      const {
        names = LOOPBACK_NAMES,
        client = false,
        subject = client ? "client" : (names[0] ?? ""),
      } = options;
      const pair = keyPair();
      const usage = client ? "1.3.6.1.5.5.7.3.2" : "1.3.6.1.5.5.7.3.1";
      const extensions = [
        extension("2.5.29.37", sequence(objectId(usage))),
        ...(client ? [] : [extension("2.5.29.17", sequence(...names.map(alternativeName)))]),
      ];
      const body: Body = { ...options, issuer: name, subject, spki: pair.spki, extensions };
      return { cert: certificate(body, own.key), key: pair.key };
    },
  };
}

interface Body extends Pick<IssueOptions, "notBefore" | "notAfter"> {
  readonly issuer: string;
  readonly subject: string;
  readonly spki: Uint8Array;
  readonly extensions: readonly Uint8Array[];
}

const DAY_MS = 24 * 3600 * 1000;

/** X.509 version 3 (RFC 5280 section 4.1), signed with ECDSA and SHA-256. */
function certificate(body: Body, issuerKey: string): string {
  const {
    notBefore = new Date(Date.now() - DAY_MS),
    notAfter = new Date(Date.now() + 30 * DAY_MS),
  } = body;
  const algorithm = sequence(objectId("1.2.840.10045.4.3.2"));
  const serial = randomBytes(16);
  serial[0] = ((serial[0] ?? 0) & 0x7f) | 0x40;
  const signed = sequence(
    tagged(0xa0, integer(Uint8Array.of(2))),
    integer(serial),
    algorithm,
    commonName(body.issuer),
    sequence(time(notBefore), time(notAfter)),
    commonName(body.subject),
    body.spki,
    tagged(0xa3, sequence(...body.extensions)),
  );
  const signature = sign("sha256", signed, issuerKey);
  const der = sequence(signed, algorithm, bits(signature, 0));
  const lines =
    Buffer.from(der)
      .toString("base64")
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN CERTIFICATE-----\n${lines.join("\n")}\n-----END CERTIFICATE-----\n`;
}

function keyPair(): { readonly key: string; readonly spki: Uint8Array } {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return {
    key: privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    spki: createPublicKey(privateKey).export({ type: "spki", format: "der" }),
  };
}

function alternativeName(name: string): Uint8Array {
  const family = isIP(name);
  if (family === 0) return tagged(0x82, Buffer.from(name, "latin1"));
  if (family === 4) return tagged(0x87, Uint8Array.from(name.split("."), Number));
  const [left = "", right = ""] = name.split("::");
  const groups = (text: string): number[] =>
    text
      .split(":")
      .filter(Boolean)
      .map((hex) => Number.parseInt(hex, 16));
  const gap = 8 - groups(left).length - groups(right).length;
  const all = [...groups(left), ...Array<number>(gap).fill(0), ...groups(right)];
  return tagged(0x87, Uint8Array.from(all.flatMap((group) => [group >> 8, group & 255])));
}

function commonName(text: string): Uint8Array {
  const pair = sequence(objectId("2.5.4.3"), tagged(0x0c, Buffer.from(text)));
  return sequence(tagged(0x31, pair));
}

function extension(id: string, value: Uint8Array, critical = false): Uint8Array {
  return sequence(objectId(id), ...(critical ? [BOOLEAN_TRUE] : []), tagged(0x04, value));
}

/** GeneralizedTime, which counts for every year. */
function time(date: Date): Uint8Array {
  return tagged(0x18, Buffer.from(`${date.toISOString().replace(/[-:T]/g, "").slice(0, 14)}Z`));
}

const BOOLEAN_TRUE = Uint8Array.of(0x01, 0x01, 0xff);

function integer(bytes: Uint8Array): Uint8Array {
  return tagged(0x02, bytes);
}

function bits(bytes: Uint8Array, unused: number): Uint8Array {
  return tagged(0x03, Buffer.concat([Uint8Array.of(unused), bytes]));
}

function objectId(dotted: string): Uint8Array {
  const [first = 0, second = 0, ...rest] = dotted.split(".").map(Number);
  const bytes = [first * 40 + second];
  for (const arc of rest) {
    const groups = [arc & 127];
    for (let left = arc >> 7; left > 0; left >>= 7) groups.unshift((left & 127) | 128);
    bytes.push(...groups);
  }
  return tagged(0x06, Uint8Array.from(bytes));
}

function sequence(...parts: readonly Uint8Array[]): Uint8Array {
  return tagged(0x30, Buffer.concat(parts));
}

function tagged(tag: number, value: Uint8Array): Uint8Array {
  const { length } = value;
  const size =
    length < 128 ? [length] : length < 256 ? [0x81, length] : [0x82, length >> 8, length & 255];
  return Buffer.concat([Uint8Array.of(tag, ...size), value]);
}
