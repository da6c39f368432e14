import { createHash } from "node:crypto";
import zlib from "node:zlib";
import { LadingError } from "../errors.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import { type DiffId, type DigestAlgorithm, parseDiffId } from "../oci/digest.ts";
import { mediaTypes } from "../oci/media-types.ts";
import { createTar, type TarFile } from "../tar/writer.ts";
import type { MadeContent } from "./content.ts";
import { Random } from "./random.ts";

export type Compression = "gzip" | "zstd" | "none";

export interface ImageShape {
  /** The same seed and shape make the same bytes. */
  readonly seed: number;
  /** Default 2. */
  readonly layers?: number;
  /** Files in a layer. Default 3. */
  readonly files?: number;
  /** Bytes of a file, incompressible. Default 1000. */
  readonly fileSize?: number;
  /** For each layer in turn. Default gzip. */
  readonly compression?: readonly Compression[];
  /** Default OCI. */
  readonly format?: "oci" | "docker";
  /** Default `linux/amd64`. */
  readonly platform?: {
    readonly os: string;
    readonly architecture: string;
    readonly variant?: string;
  };
  readonly algorithm?: DigestAlgorithm;
  /** Uses the first layer again at the end, as some builders do. */
  readonly repeatLayer?: boolean;
  /** Adds a layer whose tar holds nothing. */
  readonly emptyLayer?: boolean;
  readonly config?: Readonly<Record<string, unknown>>;
}

export interface MadeImage {
  readonly descriptor: Descriptor;
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
  readonly diffIds: readonly DiffId[];
}

/** Makes a valid image of any shape, and adds it to the content. */
export function randomImage(content: MadeContent, shape: ImageShape): MadeImage {
  const { layers: count = 2, files = 3, fileSize = 1000, compression = ["gzip"] } = shape;
  const random = new Random(shape.seed);
  const layers = Array.from({ length: count }, (_, index) => {
    const tar = createTar(randomFiles(random, `layer${index}`, files, fileSize));
    const kind = compression[index % compression.length] ?? "gzip";
    return addLayer(content, tar, kind, shape);
  });
  const [first] = layers;
  if (shape.emptyLayer) layers.push(addLayer(content, createTar([]), "gzip", shape));
  if (shape.repeatLayer && first !== undefined) layers.push(first);
  return addImage(content, layers, shape);
}

export interface MadeLayer {
  readonly descriptor: Descriptor;
  readonly diffId: DiffId;
}

export function addLayer(
  content: MadeContent,
  tar: Uint8Array,
  compression: Compression,
  { format = "oci", algorithm }: Pick<ImageShape, "format" | "algorithm"> = {},
): MadeLayer {
  const hex = createHash("sha256").update(tar).digest("hex");
  const mediaType = LAYER_TYPES[format][compression];
  const descriptor = content.add(mediaType, compress(tar, compression), algorithm);
  return { descriptor, diffId: parseDiffId(`sha256:${hex}`) };
}

export function addImage(
  content: MadeContent,
  layers: readonly MadeLayer[],
  shape: Omit<ImageShape, "seed"> = {},
): MadeImage {
  const { format = "oci", algorithm, platform = { os: "linux", architecture: "amd64" } } = shape;
  const docker = format === "docker";
  const diffIds = layers.map(({ diffId }) => diffId);
  const document = {
    created: "2023-11-14T22:13:20Z",
    ...platform,
    config: { Env: ["PATH=/usr/bin:/bin"], Cmd: ["/bin/sh"], ...shape.config },
    rootfs: { type: "layers", diff_ids: diffIds },
    history: layers.map((_, index) => ({ created_by: `layer ${index}` })),
  };
  const configType = docker ? mediaTypes.dockerConfig : mediaTypes.ociConfig;
  const config = content.add(configType, Buffer.from(JSON.stringify(document)), algorithm);
  const mediaType = docker ? mediaTypes.dockerManifest : mediaTypes.ociManifest;
  const descriptors = layers.map(({ descriptor }) => descriptor);
  const manifest = { schemaVersion: 2, mediaType, config, layers: descriptors };
  const descriptor = content.addManifest(mediaType, manifest, algorithm);
  return { descriptor, config, layers: descriptors, diffIds };
}

const LAYER_TYPES = {
  oci: {
    gzip: mediaTypes.ociLayerGzip,
    zstd: mediaTypes.ociLayerZstd,
    none: mediaTypes.ociLayer,
  },
  docker: {
    gzip: mediaTypes.dockerLayerGzip,
    zstd: mediaTypes.dockerLayerZstd,
    none: mediaTypes.dockerLayer,
  },
} as const;

/** Whether this Node can compress zstd (22.15 and later). */
export function hasZstd(): boolean {
  return typeof zlib.zstdCompressSync === "function";
}

function compress(tar: Uint8Array, compression: Compression): Uint8Array {
  if (compression === "none") return tar;
  if (compression === "gzip") return zlib.gzipSync(tar, { level: 6 });
  if (hasZstd()) return zlib.zstdCompressSync(tar);
  throw new LadingError("unsupported", "this Node has no zstd; 22.15 and later do");
}

function randomFiles(random: Random, folder: string, count: number, size: number): TarFile[] {
  const files: TarFile[] = [{ path: folder, type: "directory", mode: 0o755 }];
  for (let index = 0; index < count; index += 1) {
    const path = `${folder}/file${index}`;
    files.push({ path, type: "file", mode: 0o644, content: random.bytes(size) });
  }
  return files;
}
