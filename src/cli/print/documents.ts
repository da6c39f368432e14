import type { ImageConfig } from "../../oci/config.ts";
import type { Descriptor } from "../../oci/descriptor.ts";
import type { DiffId } from "../../oci/digest.ts";
import { formatPlatform } from "../../oci/platform.ts";
import type { CollectReport, StoredImage, StoredLease, VerifyReport } from "../../store/types.ts";
import type { InspectResult } from "../../verbs/inspect.ts";
import type { MountResult } from "../../verbs/mount/mount.ts";
import type { OverlayResult } from "../../verbs/mount/overlay-stack.ts";
import type { PullResult } from "../../verbs/pull.ts";
import type { PulledImage } from "../../verbs/pulled-image.ts";
import type { UnpackResult } from "../../verbs/unpack/unpack.ts";

/**
 * What `--json` prints: plain objects, their names those of the library's results; a platform as
 * `--platform` takes it, a time as RFC 3339. `docs/cli.md` describes them.
 */
export type Document = Readonly<Record<string, unknown>>;

export function pullDocument(result: PullResult): Document {
  const { lease: _, images, ...rest } = result;
  return { ...rest, images: images.map(pulledImageDocument) };
}

export function unpackDocument({ platform, ...rest }: UnpackResult): Document {
  return { ...rest, platform: formatPlatform(platform) };
}

export function storedImageDocument(image: StoredImage): Document {
  const { reference, descriptor, manifests, size } = image;
  return {
    reference: reference ?? null,
    ...descriptorDocument(descriptor),
    size,
    pulledAt: timestamp(image.pulledAt),
    usedAt: timestamp(image.usedAt),
    images: manifests.map(({ platform, descriptor, config, layers }) => ({
      platform: formatPlatform(platform),
      manifest: descriptorDocument(descriptor),
      config: descriptorDocument(config),
      layers: layers.map(layerDocument),
    })),
  };
}

export function inspectDocument(result: InspectResult): Document {
  const { reference, from, platform, manifest, config, layers, size, pulledAt } = result;
  return {
    reference,
    from,
    platform: formatPlatform(platform),
    manifest: descriptorDocument(manifest),
    size,
    pulledAt: timestamp(pulledAt),
    config: configDocument(config),
    layers: layers.map(layerDocument),
  };
}

export function descriptorDocument({ mediaType, digest, size }: Descriptor): Document {
  return { mediaType, digest, size };
}

export function verifyDocument(report: VerifyReport): Document {
  return { ...report };
}

export function collectDocument(report: CollectReport): Document {
  return { ...report };
}

export function overlayDocument({ platform, lease, ...rest }: OverlayResult): Document {
  return { ...rest, platform: formatPlatform(platform), lease: lease.id };
}

export function mountDocument({ platform, ...rest }: MountResult): Document {
  return { ...rest, platform: formatPlatform(platform) };
}

export function leaseDocument({ id, kind, ...lease }: StoredLease): Document {
  return {
    id,
    kind,
    path: lease.path ?? null,
    exists: lease.exists ?? null,
    digests: lease.digests,
    created: timestamp(lease.created),
    expires: timestamp(lease.expires),
  };
}

function pulledImageDocument({ platform, manifest, config, layers }: PulledImage): Document {
  return {
    platform: formatPlatform(platform),
    manifest: descriptorDocument(manifest),
    config: descriptorDocument(config),
    layers: layers.map((layer) => ({ ...layerDocument(layer), outcome: layer.outcome })),
  };
}

function layerDocument(layer: {
  readonly descriptor: Descriptor;
  readonly diffId: DiffId;
}): Document {
  return { ...descriptorDocument(layer.descriptor), diffId: layer.diffId };
}

function configDocument(config: ImageConfig): Document {
  const { created, author, execution, diffIds, history } = config;
  return { created, author, ...execution, diffIds, history };
}

function timestamp(ms: number | undefined): string | null {
  return ms === undefined ? null : new Date(ms).toISOString();
}
