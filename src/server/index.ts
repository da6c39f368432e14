export type { ServerAuth } from "./auth.ts";
export { type RunningServer, type ServeContentOptions, serve } from "./serve.ts";
