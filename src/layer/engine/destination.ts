import type { OperationOptions } from "../../content/events.ts";
import type { DiffId } from "../../oci/digest.ts";
import type { LayerSummary } from "../record.ts";
import type { CloneRequest } from "../worker/protocol.ts";

/** Where unpacked layers go: into the store's cache, or side by side below a root that is being made. */
export interface LayerDestination {
  /**
   * The right to make a layer, or the record of one that is there. Waits (reporting it) while somebody
   * else makes it.
   */
  begin(layer: PlannedLayer, options: OperationOptions): Promise<LayerSlot | LayerThere>;
}

/** A layer that was unpacked before. */
export interface LayerThere {
  readonly there: LayerSummary;
}

/** A layer of an image, as its manifest and config name it. */
export interface PlannedLayer {
  /** 0 is the bottom. */
  readonly position: number;
  readonly diffId: DiffId;
}

export interface LayerSlot {
  /** A folder that is not there yet. */
  readonly staging: string;
  /** Where the same layer is unpacked already, to be copied from. */
  readonly copyOf?: Pick<CloneRequest, "from" | "link"> & { readonly record: LayerSummary };
  /** The staging holds the whole layer, verified. Gives the right up. */
  publish(): Promise<void>;
  /** Makes room for another try. */
  clear(): Promise<void>;
  /** Gives the right up; what is in the staging goes. */
  abandon(): Promise<void>;
}
