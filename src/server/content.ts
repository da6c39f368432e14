import type { OperationOptions } from "../content/events.ts";
import type { OpenContent, OpenRange } from "../content/port.ts";
import type { Descriptor } from "../oci/descriptor.ts";
import type { Digest } from "../oci/digest.ts";
import type { RepositoryName, Tag } from "../oci/reference.ts";

/** What the server needs of what it serves: less than the port, and by repository. */
export interface ServedContent {
  /** A manifest by tag or digest. `ns` is the registry that a mirror's client stands in for. */
  manifest(
    repository: RepositoryName,
    name: Tag | Digest,
    options: ServedOptions,
  ): Promise<Descriptor | undefined>;
  /** The size of a blob that this repository may give out. */
  blob(
    repository: RepositoryName,
    digest: Digest,
    options: ServedOptions,
  ): Promise<Descriptor | undefined>;
  open(descriptor: Descriptor, range: OpenRange, options?: OperationOptions): Promise<OpenContent>;
  /** Sorted; `undefined` when there is no such repository. */
  tags(repository: RepositoryName, options: ServedOptions): Promise<readonly Tag[] | undefined>;
}

export interface ServedOptions {
  readonly ns?: string | undefined;
}
