export type { ServerAuth } from "./auth.ts";
export type { ServedContent, ServedOptions } from "./content.ts";
export {
  type RunningServer,
  type ServeContentOptions,
  type ServedRequest,
  serve,
} from "./serve.ts";
