import { randomBytes } from "node:crypto";
import { readdir, rename, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { readVerified } from "../../content/transfer/read.ts";
import { onDisk } from "../../disk/disk-error.ts";
import { makeFolder } from "../../disk/folder.ts";
import { replaceFile } from "../../disk/publish.ts";
import { type ImageConfig, parseImageConfig } from "../../oci/config.ts";
import type { Descriptor } from "../../oci/descriptor.ts";
import { metadataLimits } from "../../oci/limits.ts";
import { formatReference, parseReference } from "../../oci/reference.ts";
import { bundleConfig } from "../../rootfs/bundle/bundle.ts";
import { readingImage } from "../../rootfs/bundle/image-files.ts";
import type { RootlessIds } from "../../rootfs/bundle/rootless.ts";
import { type FlatTarget, flatTarget, targetPath } from "../../rootfs/flat/target.ts";
import { failing } from "../failing.ts";
import type { Session } from "../session.ts";
import {
  lockTarget,
  type UnpackOptions,
  type UnpackResult,
  unpackImage,
} from "../unpack/unpack.ts";

export interface BundleOptions extends UnpackOptions {
  /** For a runtime that the caller starts without being root: one id, the host's network. Default false. */
  readonly rootless?: boolean | undefined;
  /** `uid`, `name`, `uid:gid`, …, resolved in the image. Default: the image's. */
  readonly user?: string | undefined;
  /** Instead of the image's entrypoint and command. */
  readonly args?: readonly string[] | undefined;
  /** Default false. */
  readonly terminal?: boolean | undefined;
  /** Default `lading`. */
  readonly hostname?: string | undefined;
}

/** `path` is the bundle's: `rootfs` and `config.json` are in it. */
export interface BundleResult extends UnpackResult {
  /** Keeps the image in the store until `removeLease` or `lading lease rm`. */
  readonly lease: string;
}

/** Makes an OCI runtime bundle: what runc or crun start. */
export function bundle(
  session: Session,
  text: string,
  directory: string,
  options: BundleOptions = {},
): Promise<BundleResult> {
  const reference = formatReference(parseReference(text));
  return failing({ reference }, async () => {
    const started = session.clock.now();
    const operation = session.operation(withOwners(options));
    const { layout } = await session.store();
    const path = await targetPath(directory);
    const lock = await lockTarget(session, path, operation);
    try {
      // Only now: whoever had the lock may have filled it.
      const target = await flatTarget(path, layout.root, options.force ?? false);
      const make = target.how === "renamed" ? makeWhole : makeInPlace;
      const result = await make({ session, text, target, options: operation });
      return { ...result, path, ms: session.clock.now() - started };
    } finally {
      lock.release();
    }
  });
}

/** Where only one id exists, files of others would be nobody's. */
function withOwners(options: BundleOptions): BundleOptions {
  const { rootless, ownership } = options;
  if (!rootless || ownership !== undefined) return options;
  return { ...options, ownership: "squash" };
}

interface Bundling {
  readonly session: Session;
  readonly text: string;
  readonly target: FlatTarget;
  readonly options: BundleOptions;
}

/** Beside the target, which then appears in one step. */
async function makeWhole(bundling: Bundling): Promise<BundleResult> {
  const { path, workshop, prefix } = bundling.target;
  const { pool } = await bundling.session.layers();
  const remove = (name: string): Promise<void> =>
    pool.perform({ type: "remove", parent: workshop, name });
  // What a killed process left: whoever has the lock may clear it away.
  for (const name of await readdir(workshop)) if (name.startsWith(prefix)) await remove(name);
  const staging = join(workshop, `${prefix}${randomBytes(8).toString("hex")}`);
  try {
    await makeFolder(staging);
    const result = await fill(bundling, staging);
    return await leased(bundling, result, () =>
      onDisk("putting the bundle in its place", path, () => rename(staging, path)),
    );
  } catch (error) {
    await remove(basename(staging));
    throw error;
  }
}

/** A mount point, or what is there already: without its `config.json` no runtime starts it half-made. */
async function makeInPlace(bundling: Bundling): Promise<BundleResult> {
  const { path } = bundling.target;
  await onDisk("making the bundle", path, () => rm(join(path, CONFIG), { force: true }));
  return leased(bundling, await fill(bundling, path), async () => {});
}

/** There is no bundle without a lease; of earlier ones in the same place only the last counts. */
async function leased(
  { session, target: { path } }: Bundling,
  { result, image }: Filled,
  publish: () => Promise<void>,
): Promise<BundleResult> {
  const store = await session.store();
  const earlier = (await store.leases()).filter(
    (one) => one.kind === "bundle" && one.path === path,
  );
  const purpose = { kind: "bundle", path } as const;
  const lease = await store.leaseFor({ purpose, roots: [image.manifest] });
  try {
    await publish();
  } catch (error) {
    await store.removeLease(lease.id);
    throw error;
  }
  for (const { id } of earlier) await store.removeLease(id);
  return { ...result, lease: lease.id };
}

const CONFIG = "config.json";

type Filled = Awaited<ReturnType<typeof unpackImage>>;

async function fill({ session, text, options }: Bundling, folder: string): Promise<Filled> {
  const rootfs = join(folder, "rootfs");
  const filled = await unpackImage(session, text, rootfs, options);
  const config = await readConfig(session, filled.image.config, options);
  const { user, args, terminal, hostname, rootless, onEvent } = options;
  const { kernel } = await session.layers();
  const ids = rootless ? callerIds() : undefined;
  const { spec, warnings } = readingImage(rootfs, kernel, (read) =>
    bundleConfig(config, read, { user, args, terminal, hostname, rootless: ids }),
  );
  for (const message of warnings) onEvent?.({ type: "warning", code: "bundle", message });
  const json = `${JSON.stringify(spec, undefined, 2)}\n`;
  await replaceFile(join(folder, CONFIG), new TextEncoder().encode(json));
  return filled;
}

async function readConfig(
  session: Session,
  config: Descriptor,
  options: BundleOptions,
): Promise<ImageConfig> {
  const store = await session.store();
  return parseImageConfig(await readVerified(store, config, metadataLimits.config, options));
}

function callerIds(): RootlessIds {
  return { uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0 };
}
