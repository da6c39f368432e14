import type { CredentialOrigin } from "../../registry/auth/credentials.ts";
import { visible } from "./format.ts";

/** Where credentials come from: `/people/me/.docker/config.json (ghcr.io)`, `docker-credential-pass (…)`. */
export function originText({ kind, name, path, key }: CredentialOrigin): string {
  const place = kind === "file" ? (path ?? name) : name;
  const detail = kind === "file" ? key : (path ?? key);
  return visible(detail === undefined ? place : `${place} (${detail})`);
}
