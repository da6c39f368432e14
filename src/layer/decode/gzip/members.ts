import type { Stage } from "../stage.ts";

/** Decodes gzip members, one after another. */
export interface MemberInflater {
  /**
   * Decodes from `start`, and returns how far it came: to the end of the bytes, or of the member. Past
   * its end a member takes nothing.
   */
  write(bytes: Uint8Array, start: number): number;
  /** A new member comes. */
  reset(): void;
  /** Nothing more comes; throws unless the member ended. */
  finish(): void;
  close(): void;
}

const MAGIC = Uint8Array.of(0x1f, 0x8b);

/**
 * A gzip file: members back to back, as eStargz and `cat a.gz b.gz` have them (RFC 1952, 2.2). What
 * follows the last and is no member, zeros or anything else, is dropped: whether the layer is what
 * it should be is decided by its diff ID.
 */
export function gzipMembers(inflater: MemberInflater): Stage {
  let state: "between" | "member" | "rest" = "between";
  let magic = 0;
  return {
    push(bytes) {
      let at = 0;
      while (at < bytes.length && state !== "rest") {
        if (state === "member") {
          at = inflater.write(bytes, at);
          if (at < bytes.length) state = "between";
        } else if (bytes[at] !== MAGIC[magic]) {
          state = "rest";
        } else {
          at += 1;
          magic = (magic + 1) % MAGIC.length;
          if (magic > 0) continue;
          inflater.reset();
          inflater.write(MAGIC, 0);
          state = "member";
        }
      }
    },
    end() {
      if (state === "member") inflater.finish();
    },
    close: () => inflater.close(),
  };
}
