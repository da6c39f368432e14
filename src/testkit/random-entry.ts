import type { TarEntry } from "../tar/entry.ts";
import type { TarFile } from "../tar/writer.ts";
import type { Random } from "./random.ts";

export function oneOf<T>(random: Random, choices: readonly T[], otherwise: T): T {
  return choices[random.below(choices.length)] ?? otherwise;
}

/** From few names, so that layers meet; some that ustar can't hold. */
export function randomName(random: Random): string {
  const odd = random.below(12);
  if (odd === 0) return oneOf(random, ["n".repeat(200), "m".repeat(130)], "n");
  if (odd === 1) return oneOf(random, ["ünï", "名前", "e\u0301", "\u00e9", "🚢"], "ünï");
  if (odd === 2) return oneOf(random, ["new\nline", "a b", "-rf", "back\\slash", "%s", ".h"], "-");
  return oneOf(random, [..."abcdefgh"], "a");
}

/** An entry of any kind that needs no other one; `odd` allows xattrs without a value. */
export function randomEntry(random: Random, path: string, odd = false): TarFile {
  const kind = random.below(20);
  const common = { path, ...randomOwner(random), mtimeNs: randomTime(random) };
  if (kind < 8) return { ...common, ...randomFile(random, odd) };
  if (kind < 13) return randomDirectory(random, path);
  if (kind < 17) return { ...common, type: "symlink", mode: 0o777, linkPath: randomTarget(random) };
  const mode = oneOf(random, [0o644, 0o600, 0o666], 0o644);
  if (kind === 17) return { ...common, type: "fifo", mode };
  const device = { major: 1 + random.below(300), minor: random.below(70_000) };
  return { ...common, mode, device, type: kind === 18 ? "character-device" : "block-device" };
}

export function randomDirectory(random: Random, path: string): TarFile {
  const mode = oneOf(random, [0o755, 0o2775, 0o1777, 0o555, 0o700, 0o3770, 0o000], 0o755);
  const xattrs = random.below(6) === 0 ? { "user.dir": random.bytes(3) } : {};
  const times = { mtimeNs: randomTime(random) };
  return { path, type: "directory", mode, xattrs, ...randomOwner(random), ...times };
}

function randomFile(random: Random, odd: boolean): Omit<TarFile, "path"> {
  const mode = oneOf(random, [0o644, 0o755, 0o444, 0o4755, 0o2711, 0o600, 0o000], 0o644);
  return { type: "file", mode, content: randomContent(random), xattrs: randomXattrs(random, odd) };
}

function randomContent(random: Random): Uint8Array {
  const kind = random.below(10);
  if (kind < 2) return new Uint8Array();
  if (kind < 9) return random.bytes(1 + random.below(2000));
  // Zeros long enough for a hole, between bytes that are none.
  const ends = random.bytes(10 + random.below(5000));
  return Buffer.concat([ends, new Uint8Array(random.below(3_000_000)), ends]);
}

function randomXattrs(random: Random, odd: boolean): Readonly<Record<string, Uint8Array>> {
  const kind = random.below(10);
  if (kind === 0) return { "user.test": Buffer.from("value"), "user.bin": random.bytes(20) };
  if (kind === 1) {
    const empty = odd ? { "user.empty": new Uint8Array() } : {};
    return { ...empty, "user.ünï": Buffer.from("=\n\0=") };
  }
  return kind === 2 ? { "security.capability": CAP_NET_RAW } : {};
}

/** `vfs_cap_data`, revision 2: cap_net_raw+ep. */
const CAP_NET_RAW = Buffer.from("0100000200200000000000000000000000000000", "hex");

/** Absolute, relative, upwards beyond the root, to nothing, to itself. */
function randomTarget(random: Random): string {
  const name = randomName(random);
  const forms = [name, `/${name}`, `../${name}`, `../../../../${name}/b`, `./${name}`, "/", "."];
  return oneOf(random, [...forms, `/nowhere/${name}`], name);
}

function randomOwner(random: Random): Pick<TarEntry, "uid" | "gid"> {
  const ids = [0, 0, 0, 1000, 65_534, 1_234_567, 3_000_000_000];
  return { uid: oneOf(random, ids, 0), gid: oneOf(random, ids, 0) };
}

function randomTime(random: Random): bigint {
  const seconds = BigInt(random.below(1_700_000_000));
  const kind = random.below(8);
  if (kind === 0) return seconds * 1_000_000_000n;
  // Before the epoch, and after 32 bits end; ext4 knows no later year than 2446.
  if (kind === 1) return -seconds * 1_000_000_000n + 123_456_789n;
  if (kind === 2) return 5_000_000_000_000_000_001n;
  return seconds * 1_000_000_000n + BigInt(random.below(1_000_000_000));
}
