import { gzipSync } from "node:zlib";
import { LadingError } from "../../../errors.ts";
import { truncated } from "../fault.ts";
import type { Sink } from "../stage.ts";
import { withHeader } from "./header.ts";
import { isalBody, loadIsal } from "./isal-body.ts";
import { gzipMembers, type MemberInflater } from "./members.ts";
import { plainBody } from "./plain-body.ts";
import { zlibMember } from "./zlib-member.ts";

export type CreateInflater = (sink: Sink) => MemberInflater;

/** The fastest way to inflate that this machine has and that gives what it should. */
export async function loadGzip(options: {
  readonly native?: boolean | undefined;
}): Promise<CreateInflater> {
  const isal = options.native === false ? undefined : await isalInflater();
  return [isal, zlibMember].find((one) => one !== undefined && passes(one)) ?? plainInflater;
}

/** ISA-L, where the machine has it: 1.3 times as fast as Node's zlib. */
export async function isalInflater(): Promise<CreateInflater | undefined> {
  try {
    const { default: koffi } = await import("koffi");
    const isal = loadIsal(koffi);
    return (sink) => withHeader(isalBody(isal, sink), () => truncated("gzip"));
  } catch {
    return undefined;
  }
}

export const plainInflater: CreateInflater = (sink) =>
  withHeader(plainBody(sink), () => truncated("gzip"));

/** Tries it on members back to back, more than fits in one buffer, rubbish, a wrong checksum, a missing end. */
export function passes(inflater: CreateInflater): boolean {
  const first = Buffer.alloc(300_000, "of what a layer may hold, ");
  const [one, two] = [gzipSync(first, { level: 1 }), gzipSync("the second")];
  const whole = Buffer.concat([one, two, Buffer.from("rubbish")]);
  const wrong = Buffer.from(two);
  wrong.writeUInt32LE(~two.readUInt32LE(two.length - 8) >>> 0, two.length - 8);
  try {
    return (
      inflated(inflater, [whole])?.equals(Buffer.concat([first, Buffer.from("the second")])) ===
        true &&
      inflated(inflater, [two.subarray(0, 7), two.subarray(7)])?.toString() === "the second" &&
      inflated(inflater, [wrong]) === undefined &&
      inflated(inflater, [two.subarray(0, -3)]) === undefined
    );
  } catch {
    return false;
  }
}

/** `undefined` where it says, as it should, that the bytes are wrong. */
function inflated(inflater: CreateInflater, pieces: readonly Uint8Array[]): Buffer | undefined {
  const output: Buffer[] = [];
  const members = gzipMembers(inflater((bytes) => output.push(Buffer.from(bytes))));
  try {
    for (const piece of pieces) members.push(piece);
    members.end();
    return Buffer.concat(output);
  } catch (error) {
    if (error instanceof LadingError && error.code === "malformed") return undefined;
    throw error;
  } finally {
    members.close();
  }
}
