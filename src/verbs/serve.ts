import { type RunningServer, type ServerAuth, serve as serveContent } from "../server/index.ts";
import { servedStore } from "../server/served-store.ts";
import type { Session } from "./session.ts";

export interface ServeOptions {
  /** Default `127.0.0.1`: what is served to others is a decision. */
  readonly host?: string | undefined;
  /** Default 0: a free one. */
  readonly port?: number | undefined;
  readonly auth?: ServerAuth | undefined;
}

/** Serves the local store by the distribution API, until closed. */
export async function serve(session: Session, options: ServeOptions = {}): Promise<RunningServer> {
  return serveContent(servedStore(await session.store()), options);
}
