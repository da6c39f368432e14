/**
 * How much of a small document is read before it is refused. The distribution spec asks registries to
 * take manifests of 4 MiB at least; we read twice that.
 */
export const metadataLimits: {
  readonly manifest: number;
  readonly config: number;
  readonly token: number;
  readonly error: number;
  readonly tags: number;
  readonly children: number;
} = {
  manifest: 8 * 1024 * 1024,
  config: 8 * 1024 * 1024,
  /** A token server's answer. */
  token: 64 * 1024,
  /** The body of an error, of which a sentence is shown. */
  error: 64 * 1024,
  /** One page of a tag list. */
  tags: 4 * 1024 * 1024,
  /** Layers of an image, entries of an index, blobs of an artifact. */
  children: 10_000,
};
