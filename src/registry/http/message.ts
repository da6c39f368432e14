import type { OperationOptions } from "../../content/events.ts";
import type { Sink } from "../../content/port.ts";
import type { Budgeted } from "../../content/retry.ts";
import type { AddressClass } from "./address.ts";

/** One request as the steps see it. Bodies come with pushing. */
export interface HttpRequest {
  readonly method: "GET" | "HEAD" | "POST";
  readonly url: URL;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** What the request is for, which decides where credentials may go. */
  readonly scope: RequestScope;
  /** With the budget of the transfer that the request is for, if it is for one. */
  readonly operation: OperationOptions & Budgeted;
}

export interface RequestScope {
  /** `host[:port]` as the reference names it. */
  readonly registry: string;
  readonly repository: string;
  readonly action: "pull" | "push";
  /** Sent without credentials whatever is asked for: foreign layers, signed URLs. */
  readonly anonymous?: boolean;
  /** Least public class of address that may be connected to; see `docs/realm-policy.md`. */
  readonly reach?: AddressClass;
}

export interface HttpResponse {
  readonly status: number;
  /** Lower-case names; repeated headers joined with a comma. */
  readonly headers: Readonly<Record<string, string>>;
  /** Where it came from in the end, after redirects. */
  readonly url: URL;
  /** The class of the address that answered. */
  readonly peer: AddressClass;
  readonly body: HttpBody;
}

export interface HttpBody {
  /** Pumps the body; a truncated, stalled or reset one is a transient `network` error. */
  read(sink: Sink): Promise<void>;
  /** The whole, or `limit-exceeded`. */
  bytes(maxBytes: number): Promise<Uint8Array>;
  /** Hangs up; safe at any time. */
  cancel(): void;
}

/** Sends a request. Every step is one of these around another. */
export type Send = (request: HttpRequest) => Promise<HttpResponse>;
export type Step = (next: Send) => Send;

/** The first step sees a request first. */
export function compose(send: Send, steps: readonly Step[]): Send {
  return steps.reduceRight((next, step) => step(next), send);
}
