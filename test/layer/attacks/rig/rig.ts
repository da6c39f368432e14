import { type ChildProcess, fork, spawnSync } from "node:child_process";
import { chownSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ErrorCode } from "../../../../src/errors.ts";
import { parseDiffId } from "../../../../src/oci/digest.ts";
import { mediaTypes } from "../../../../src/oci/media-types.ts";
import { createTar, type TarFile } from "../../../../src/tar/writer.ts";
import {
  addImage,
  addLayer,
  type Compression,
  createRegistry,
  type TestRegistry,
} from "../../../../src/testkit/index.ts";
import type { LayerOptions } from "../../../../src/verbs/unpack/options.ts";
import { temporaryFolder } from "../../../temporary.ts";
import { fingerprint, type Listing, listing } from "./listing.ts";

/** A process that unpacks: as whom, and with koffi's calls or without. */
export interface Way {
  readonly name: string;
  readonly native: boolean;
  /** `undefined`: whoever runs the tests. */
  readonly user: number | undefined;
}

export const NOBODY = 65534;
const isRoot = process.getuid?.() === 0;
const asNobody = ["--reuid", `${NOBODY}`, "--regid", `${NOBODY}`, "--clear-groups"];
/** Whether another user may run what was built here. */
const canBeNobody =
  isRoot && spawnSync("setpriv", [...asNobody, process.execPath, "-e", "0"]).status === 0;

export const ways: readonly Way[] = [
  { name: "with native calls", native: true, user: undefined },
  { name: "without native calls", native: false, user: undefined },
  { name: "with native calls, as another user", native: true, user: NOBODY },
  { name: "without native calls, as another user", native: false, user: NOBODY },
];

export type Layer =
  | readonly TarFile[]
  | { readonly tar: Uint8Array; readonly compression?: Compression }
  /** A gzip blob as it is, said to have that diff ID. */
  | { readonly blob: Uint8Array; readonly diffId: string };

export interface Request {
  readonly options?: LayerOptions & { readonly force?: boolean };
  /** Unpacked into the store first, and cloned from there. */
  readonly cached?: boolean;
  readonly umask?: number;
  /** Done to the folder in which the store and the target will be. */
  readonly arrange?: (work: string) => void;
  /** An earlier one's target, to be unpacked over. */
  readonly target?: string;
}

export interface Outcome {
  readonly error: Failure | undefined;
  readonly warnings: readonly string[];
  /** What is in the target; `undefined` when there is none. */
  readonly tree: Listing | undefined;
  /** The target's folder, and one beside it that nothing may touch. */
  readonly target: string;
}

export interface Failure {
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint?: string;
  readonly limit?: { readonly name: string };
}

export interface Rig {
  /** Unpacks an image of these layers, and checks that nothing but the target has changed. */
  unpack(layers: readonly Layer[], request?: Request): Promise<Outcome>;
  readonly child: ChildProcess;
  readonly way: Way;
}

/** `LADING_ATTACKS=all` goes all ways, as CI does; else the two that have the least in common. */
function few(some: readonly Way[]): readonly Way[] {
  if (process.env.LADING_ATTACKS === "all") return some;
  return some.filter((_, at) => at === 0 || (some.length > 2 && at === some.length - 1));
}

/** The same tests for each way; what a layer must not touch is watched in each. */
export function everyWay(
  what: string,
  tests: (rig: Rig) => void,
  some: readonly Way[] = ways,
): void {
  describe.each(few(some))(`${what} $name`, (way) => {
    if (way.user !== undefined && !canBeNobody) {
      it.skip("needs root, setpriv and a build that others can read");
      return;
    }
    const started: { driver?: Driver; registry?: TestRegistry } = {};
    beforeAll(async () => {
      started.registry = await createRegistry();
      started.driver = await Driver.start(way);
    });
    afterAll(async () => {
      started.driver?.child.kill();
      await started.registry?.close();
    });
    tests({
      way,
      get child() {
        return of(started.driver).child;
      },
      unpack: (layers, request = {}) =>
        unpackWatched(of(started.registry), of(started.driver), layers, request),
    });
  });
}

/** Side by side: they wait for the disk more than for anything else. */
export async function all<T>(cases: readonly T[], test: (one: T) => Promise<void>): Promise<void> {
  await Promise.all(cases.map(test));
}

let images = 0;

async function unpackWatched(
  registry: TestRegistry,
  driver: Driver,
  layers: readonly Layer[],
  { arrange, target, ...request }: Request,
): Promise<Outcome> {
  images += 1;
  const name = `attack:${images}`;
  const made = layers.map((layer) => madeLayer(registry, layer));
  registry.content.tag(name, addImage(registry.content, made).descriptor);
  const { outside, work } =
    target === undefined
      ? prepare(await temporaryFolder(), driver.way.user)
      : { work: dirname(target), outside: join(dirname(target), "../outside") };
  arrange?.(work);
  const before = fingerprint(outside);
  const directory = target ?? join(work, "rootfs");
  const { error, warnings } = await driver.ask({
    ...request,
    root: join(work, "store"),
    native: driver.way.native,
    reference: `${registry.address}/${name}`,
    directory,
  });
  expect(fingerprint(outside), "the folder outside").toEqual(before);
  // Nothing half-made: the target is whole or not there, and no workshop is left.
  const whole = error === undefined || target !== undefined;
  expect(readdirSync(work).sort()).toEqual(whole ? ["rootfs", "store"] : ["store"]);
  expect(readdirSync(join(work, "store", "staging"))).toEqual([]);
  if (error && !request.cached) expect(readdirSync(join(work, "store", "layers"))).toEqual([]);
  return { error, warnings, tree: error ? undefined : listing(directory), target: directory };
}

/** `outside` has the names that attacks are after; it is two levels above what is unpacked. */
function prepare(
  folder: string,
  user: number | undefined,
): { readonly outside: string; readonly work: string } {
  const [outside, work] = [join(folder, "outside"), join(folder, "work")];
  for (const path of [outside, join(outside, "etc"), work]) mkdirSync(path);
  writeFileSync(join(outside, "canary"), "alive", { mode: 0o600 });
  writeFileSync(join(outside, "etc", "passwd"), "root", { mode: 0o644 });
  if (user !== undefined) {
    const all = [folder, outside, join(outside, "etc"), work];
    for (const path of all) chownSync(path, user, user);
    for (const file of ["canary", "etc/passwd"]) chownSync(join(outside, file), user, user);
  }
  return { outside, work };
}

function madeLayer({ content }: TestRegistry, layer: Layer): ReturnType<typeof addLayer> {
  if ("blob" in layer) {
    const descriptor = content.add(mediaTypes.ociLayerGzip, layer.blob);
    return { diffId: parseDiffId(layer.diffId), descriptor };
  }
  if ("tar" in layer) return addLayer(content, layer.tar, layer.compression ?? "gzip");
  return addLayer(content, createTar(layer), "gzip");
}

interface Answer {
  readonly id: number;
  readonly error?: Failure;
  readonly warnings: readonly string[];
}

class Driver {
  readonly child: ChildProcess;
  readonly way: Way;
  #next = 0;

  static async start(way: Way): Promise<Driver> {
    const module = join(import.meta.dirname, "driver.mjs");
    const wrapped = { execPath: "setpriv", execArgv: [...asNobody, process.execPath] };
    const child = fork(module, { ...(way.user === undefined ? { execArgv: [] } : wrapped) });
    await new Promise((ready, failed) => child.once("message", ready).once("exit", failed));
    return new Driver(child, way);
  }

  constructor(child: ChildProcess, way: Way) {
    this.child = child;
    this.way = way;
    child.setMaxListeners(100);
  }

  ask(request: object): Promise<Answer> {
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      const gone = (): void => reject(new Error("the process that unpacks is gone"));
      const hear = (answer: Answer): void => {
        if (answer.id !== id) return;
        this.child.off("message", hear).off("exit", gone);
        resolve(answer);
      };
      this.child.on("message", hear).on("exit", gone);
      this.child.send({ id, ...request });
    });
  }
}

function of<T>(value: T | undefined): T {
  if (value === undefined) throw new Error("not started");
  return value;
}
