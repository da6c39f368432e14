import type { CredentialSource } from "./credentials.ts";
import { FileSource } from "./sources/file.ts";
import { dockerFile } from "./sources/places.ts";

/** docker's `config.json`: `$DOCKER_CONFIG/config.json`, else `~/.docker/config.json`. */
export function dockerConfig(path?: string): CredentialSource {
  const file = dockerFile({ environment: process.env });
  return new FileSource(path === undefined ? file : { ...file, path }, {});
}
