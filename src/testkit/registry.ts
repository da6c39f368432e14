import { type RunningServer, type ServeContentOptions, serve } from "../server/index.ts";
import { MadeContent } from "./content.ts";

export interface TestRegistry extends AsyncDisposable {
  readonly content: MadeContent;
  /** `127.0.0.1:41234` */
  readonly address: string;
  /** `METHOD /path STATUS` of each request that was answered, in order. */
  readonly requests: readonly string[];
  close(): Promise<void>;
}

/**
 * A real registry on a loopback port, for tests.
 *
 * @example
 * ```ts
 * import { open } from "lading";
 * import { createRegistry, randomImage } from "lading/testkit";
 *
 * await using registry = await createRegistry();
 * registry.content.tag("app:1", randomImage(registry.content, { seed: 1 }).descriptor);
 * await using lading = await open({ root: "/tmp/store" });
 * await lading.pull(`${registry.address}/app:1`);
 * ```
 */
export async function createRegistry(
  options: Omit<ServeContentOptions, "onRequest"> & { readonly content?: MadeContent } = {},
): Promise<TestRegistry> {
  const content = options.content ?? new MadeContent();
  const requests: string[] = [];
  const server: RunningServer = await serve(content, {
    ...options,
    onRequest: ({ method, path, status }) => requests.push(`${method} ${path} ${status}`),
  });
  const close = (): Promise<void> => server.close();
  return { content, address: server.address, requests, close, [Symbol.asyncDispose]: close };
}
