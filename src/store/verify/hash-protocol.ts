import type { DigestAlgorithm } from "../../oci/digest.ts";

/** What goes to a hashing worker. */
export interface HashRequest {
  readonly id: number;
  readonly path: string;
  readonly algorithm: DigestAlgorithm;
}

/** What comes back: a hash, or the reason why there is none. */
export type HashReply =
  | { readonly id: number; readonly hex: string; readonly size: number }
  | { readonly id: number; readonly problem: "missing" | "not-a-file" | "unreadable" };
