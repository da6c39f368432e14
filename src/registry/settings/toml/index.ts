/** Both parsers as one part of the command: whoever has no settings file never loads it. */
export { parseHostsToml } from "./hosts-toml.ts";
export { parseLadingToml } from "./lading-toml.ts";
