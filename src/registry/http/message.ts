import type { OperationOptions } from "../../content/events.ts";
import type { Sink } from "../../content/port.ts";
import type { RequestStart, RequestTrace } from "../../content/request-trace.ts";
import type { Budgeted } from "../../content/retry.ts";
import type { LadingError } from "../../errors.ts";
import type { CredentialOrigin, CredentialRequest } from "../auth/credentials.ts";
import type { AddressClass } from "./address.ts";
import type { Timeouts } from "./timeouts.ts";

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
  /** What the steps have found out about it. */
  readonly note?: RequestNote | undefined;
  /** Which queue it waits in. Default "blob". */
  readonly priority?: Priority | undefined;
}

export type Priority = "token" | "manifest" | "config" | "blob";

/** For whoever watches: what one exchange is, among those that one request leads to. */
export interface RequestNote {
  readonly role: RequestStart["role"];
  /** 1 for the first. */
  readonly attempt?: number | undefined;
  /** Origin of the mirror that is asked in the registry's place. */
  readonly mirror?: string | undefined;
  /** How long it waited for its turn at the host. */
  readonly queuedMs?: number | undefined;
  /** Absent: anonymous. */
  readonly credentials?: CredentialOrigin | undefined;
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
  /** What a mirror must be able to do for it; absent: the server alone is asked. */
  readonly need?: "pull" | "resolve" | "referrers" | undefined;
  /** Digest or tag that is asked for: what mirrors remember failures by. */
  readonly subject?: string | undefined;
  /** Of the blob or manifest that is asked for, where it is known. */
  readonly size?: number | undefined;
  /** Of what goes to a mirror: the registry in whose place it is asked, and whose settings say how. */
  readonly mirrorOf?: string | undefined;
  /** In place of what the origin's settings say. */
  readonly timeouts?: Partial<Timeouts> | undefined;
  /** The URL's scheme is part of what was configured, and stays. */
  readonly schemeFixed?: boolean | undefined;
  /** Whose credentials go where the origin has none of its own: a trusted mirror's registry's. */
  readonly credentialsOf?: Omit<CredentialRequest, "action"> | undefined;
}

export interface HttpResponse {
  readonly status: number;
  /** Lower-case names; repeated headers joined with a comma. */
  readonly headers: Readonly<Record<string, string>>;
  /** Where it came from in the end, after redirects. */
  readonly url: URL;
  /** Where it was sent before any redirect: another origin than the request's when a mirror was asked. */
  readonly asked: URL;
  /** The class of the address that answered. */
  readonly peer: AddressClass;
  /** Over which connection it came. */
  readonly connection?: Pick<RequestTrace, "remote" | "reused" | "proxy"> | undefined;
  /** A proxy connected for us: who answered behind it is known by name only. */
  readonly proxied?: boolean | undefined;
  /** Where the credentials came from that the request brought along; absent: it was anonymous. */
  readonly credentials?: CredentialOrigin | undefined;
  /** The base of the mirror that answered; absent: the registry itself did. */
  readonly mirror?: URL | undefined;
  /** The mirrors that were asked in vain before, each with the reason. */
  readonly passedOver?: readonly string[] | undefined;
  readonly body: HttpBody;
}

export interface HttpBody {
  /** Pumps the body; a truncated, stalled or reset one is a transient `network` error. */
  read(sink: Sink): Promise<void>;
  /** The whole, or `limit-exceeded`; or `network`, when it takes twice as long as headers may. */
  bytes(maxBytes: number): Promise<Uint8Array>;
  /** Hangs up; safe at any time. */
  cancel(): void;
  /** Told once: the last byte came, the body failed, or it was given up. At once if that has been. */
  onEnd(listener: (end: BodyEnd) => void): void;
}

export interface BodyEnd {
  /** That came of it. */
  readonly bytes: number;
  readonly error?: LadingError | undefined;
  readonly cancelled: boolean;
}

/** Sends a request. Every step is one of these around another. */
export type Send = (request: HttpRequest) => Promise<HttpResponse>;
export type Step = (next: Send) => Send;

/** The first step sees a request first. */
export function compose(send: Send, steps: readonly Step[]): Send {
  return steps.reduceRight((next, step) => step(next), send);
}
