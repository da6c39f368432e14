import type { ErrorCode } from "../errors.ts";

/**
 * One exchange with a registry, a mirror, a token server or a storage, when the last byte of its answer
 * came, or was given up. A redirect that is followed and a request that is tried again are exchanges of
 * their own. Holds no header but those named here, and no secret.
 */
export interface RequestTrace extends RequestStart {
  /** Absent when no answer came. */
  readonly status?: number | undefined;
  /** From when it was sent to its end. */
  readonly ms: number;
  /** Until the last header of the answer. */
  readonly headersMs?: number | undefined;
  /** Of the answer's body that came. */
  readonly bytes: number;
  /** Who answered: `93.184.216.34:443`, or the proxy that passed it on. */
  readonly remote?: string | undefined;
  /** Whether it went over a connection that was there. */
  readonly reused?: boolean | undefined;
  /** `host:port` of the proxy that it went through. */
  readonly proxy?: string | undefined;
  /** How long the answer wants to be left alone, as it says (`Retry-After`). */
  readonly retryAfter?: string | undefined;
  /** Why there is no answer, or not all of it. */
  readonly error?: ErrorCode | undefined;
  /** The same in words: `registry.lan:5000: nothing listens there`. */
  readonly message?: string | undefined;
}

/** One exchange when it begins. */
export interface RequestStart {
  /** Counts the exchanges of this process, from 1. */
  readonly id: number;
  readonly method: string;
  /** Without user, password and the values of the query. */
  readonly url: string;
  readonly role: "registry" | "mirror" | "token" | "redirect" | "foreign" | "provider";
  /** 1 for the first. */
  readonly attempt: number;
  /** How long it waited for its turn at the host. */
  readonly queuedMs: number;
  /** The bytes that were asked for: `0-16777215`. */
  readonly range?: string | undefined;
  /** Origin of the mirror that is asked in the registry's place. */
  readonly mirror?: string | undefined;
  /** Where the credentials that it carries came from. Absent: anonymous. */
  readonly credentials?: RequestCredentials | undefined;
}

/** The place of a credential, never itself. */
export interface RequestCredentials {
  readonly kind: "option" | "environment" | "file" | "helper" | "provider";
  readonly name: string;
  readonly path?: string | undefined;
  readonly key?: string | undefined;
}
