import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import * as v from "valibot";
import { errno } from "../../disk/disk-error.ts";
import { LadingError } from "../../errors.ts";
import { isObject, parseJson } from "../../oci/json.ts";
import { type Credential, type CredentialSource, canonicalHost } from "./credentials.ts";

const MAX_BYTES = 4 * 1024 * 1024;

const configSchema = v.object({
  auths: v.optional(
    v.nullable(
      v.record(
        v.string(),
        v.object({
          auth: v.optional(v.string()),
          username: v.optional(v.string()),
          password: v.optional(v.string()),
          registrytoken: v.optional(v.string()),
        }),
      ),
    ),
  ),
});

type Entry = NonNullable<NonNullable<v.InferOutput<typeof configSchema>["auths"]>[string]>;

/** `$DOCKER_CONFIG/config.json`, else `~/.docker/config.json`. */
function dockerConfigPath(env: NodeJS.ProcessEnv = process.env): string {
  return join(env.DOCKER_CONFIG || join(homedir(), ".docker"), "config.json");
}

/** The `auths` of docker's config file, read once, when first asked for. */
export function dockerConfig(path: string = dockerConfigPath()): CredentialSource {
  let hosts: Promise<ReadonlyMap<string, Credential>> | undefined;
  return {
    async get({ origin }) {
      hosts ??= readHosts(path);
      return (await hosts).get(canonicalHost(new URL(origin).host));
    },
  };
}

async function readHosts(path: string): Promise<ReadonlyMap<string, Credential>> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (error) {
    if (errno(error) === "ENOENT" || errno(error) === "ENOTDIR") return new Map();
    throw unreadable(path, error);
  }
  let auths: Record<string, Entry>;
  try {
    const parsed = parseJson(bytes, { what: "docker config", maxBytes: MAX_BYTES });
    if (!isObject(parsed)) throw new TypeError("it is not an object");
    auths = v.parse(configSchema, parsed).auths ?? {};
  } catch (error) {
    throw unreadable(path, error);
  }
  const hosts = new Map<string, Credential>();
  for (const [key, entry] of Object.entries(auths)) {
    const credential = credentialOf(entry);
    const host = canonicalHost(key);
    if (credential !== undefined && !hosts.has(host)) hosts.set(host, credential);
  }
  return hosts;
}

function credentialOf(entry: Entry): Credential | undefined {
  if (entry.registrytoken) return { kind: "token", token: entry.registrytoken };
  const decoded = entry.auth ? Buffer.from(entry.auth, "base64").toString("utf8") : "";
  const colon = decoded.indexOf(":");
  const username = entry.username || decoded.slice(0, Math.max(0, colon));
  const password = entry.password || decoded.slice(colon + 1).replace(/\0+$/, "");
  return username === "" ? undefined : { kind: "basic", username, password };
}

function unreadable(path: string, cause: unknown): LadingError {
  return new LadingError(
    "usage",
    "docker's config file can't be read, so neither can its credentials",
    {
      path,
      cause,
      hint: "mend the file, or point DOCKER_CONFIG elsewhere",
    },
  );
}
