import type { Descriptor } from "../oci/descriptor.ts";
import { mediaTypes } from "../oci/media-types.ts";
import type { MadeContent } from "./content.ts";

export interface IndexMember {
  readonly descriptor: Descriptor;
  readonly platform?: {
    readonly os: string;
    readonly architecture: string;
    readonly variant?: string;
  };
}

export interface IndexShape {
  readonly format?: "oci" | "docker";
  /** Adds an attestation manifest for each image, as buildx does. */
  readonly attestations?: boolean;
}

/** Makes an index over images, and adds it to the content. */
export function makeIndex(
  content: MadeContent,
  members: readonly IndexMember[],
  { format = "oci", attestations = false }: IndexShape = {},
): Descriptor {
  const images = members.map(({ descriptor, platform }) => ({
    ...descriptor,
    ...(platform === undefined ? {} : { platform }),
  }));
  const about = attestations ? images.map((image) => attestation(content, image)) : [];
  const mediaType = format === "oci" ? mediaTypes.ociIndex : mediaTypes.dockerList;
  return content.addManifest(mediaType, {
    schemaVersion: 2,
    mediaType,
    manifests: [...images, ...about],
  });
}

/** An in-toto statement in a manifest for `unknown/unknown` that names the image it is about. */
function attestation(content: MadeContent, image: Descriptor): unknown {
  const statement = {
    _type: "https://in-toto.io/Statement/v0.1",
    predicateType: "https://slsa.dev/provenance/v0.2",
    subject: [{ name: "image", digest: { sha256: image.digest.slice("sha256:".length) } }],
    predicate: {},
  };
  const layer = content.add("application/vnd.in-toto+json", Buffer.from(JSON.stringify(statement)));
  const config = content.add(
    mediaTypes.ociConfig,
    Buffer.from(
      JSON.stringify({
        architecture: "unknown",
        os: "unknown",
        config: {},
        rootfs: { type: "layers", diff_ids: [layer.digest] },
      }),
    ),
  );
  const mediaType = mediaTypes.ociManifest;
  const layers = [
    { ...layer, annotations: { "in-toto.io/predicate-type": statement.predicateType } },
  ];
  const descriptor = content.addManifest(mediaType, {
    schemaVersion: 2,
    mediaType,
    config,
    layers,
  });
  return {
    ...descriptor,
    annotations: {
      "vnd.docker.reference.type": "attestation-manifest",
      "vnd.docker.reference.digest": image.digest,
    },
    platform: { architecture: "unknown", os: "unknown" },
  };
}
