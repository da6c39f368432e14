import { stat, statfs } from "node:fs/promises";
import { loadKernel } from "../../disk/kernel/load.ts";
import { replaceFile } from "../../disk/publish.ts";
import type { Session } from "../session.ts";
import type { Content } from "./image.ts";
import type { Finding } from "./steps.ts";

/** Whether the store is there or can be made, locks, takes a file to the disk, and is nobody else's. */
export async function storeStep(
  session: Session,
  signal: AbortSignal | undefined,
): Promise<Finding<string>> {
  const store = await session.store();
  const endHold = await store.hold({ signal });
  const { root, layout } = store;
  const started = session.clock.now();
  try {
    await replaceFile(layout.lock("doctor"), new Uint8Array());
  } finally {
    endHold();
  }
  const ms = Math.round(session.clock.now() - started);
  const images = (await store.images({ signal })).length;
  const detail = `${root}, ${count(images, "image")}, a file is safe in ${ms} ms`;
  const { mode } = await stat(root);
  if ((mode & 0o022) === 0) return { value: root, detail };
  const hint = `others can change what is in it: chmod 700 ${root}`;
  const shown = `${detail}, mode ${(mode & 0o777).toString(8)}`;
  return { value: root, state: "warning", detail: shown, hint };
}

/** Whether there is room, and what this machine lets an unpacked image keep. */
export async function diskStep(root: string, content: Content | undefined): Promise<Finding<true>> {
  const { bavail, bsize } = await statfs(root);
  const free = bavail * bsize;
  const layers = content?.manifest.kind === "image" ? content.manifest.layers : undefined;
  const needed = layers?.reduce((sum, { size }) => sum + size, 0) ?? 0;
  const kernel = (await loadKernel()) !== undefined;
  const detail = [
    `${inBytes(free)} free`,
    ...(layers === undefined ? [] : [`the image is ${inBytes(needed)}, compressed`]),
    process.geteuid?.() === 0 ? "root: files get their owners" : "not root: files will be yours",
  ].join(", ");
  const problem = free < needed ? TOO_SMALL : kernel ? undefined : NO_KOFFI;
  if (problem === undefined) return { value: true, detail };
  return { value: true, state: "warning", detail, hint: problem };
}

const TOO_SMALL = "the disk is too small: lading store gc frees some; --root chooses another";

const NO_KOFFI =
  "the optional package koffi is not there: unpacked files lose extended attributes and devices (docs/unpack.md)";

function inBytes(bytes: number): string {
  const [unit, name] = UNITS.find(([least]) => bytes >= least) ?? [1, "B"];
  return `${(bytes / unit).toFixed(unit === 1 ? 0 : 1)} ${name}`;
}

const UNITS = [
  [1e9, "GB"],
  [1e6, "MB"],
  [1e3, "kB"],
] as const;

function count(number: number, noun: string): string {
  return number === 1 ? `1 ${noun}` : `${number} ${noun}s`;
}
