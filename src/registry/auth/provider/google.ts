import { readDocument } from "../../../disk/document.ts";
import { LadingError } from "../../../errors.ts";
import { isObject, type JsonValue, parseJson } from "../../../oci/json.ts";
import type { Provider } from "./types.ts";

/**
 * Google's Artifact Registry, with an access token from a variable or the key file of a service account.
 * Other kinds of key files need Google's own tools; the machine's metadata service is never asked.
 *
 * @see https://cloud.google.com/artifact-registry/docs/docker/authentication
 */
export const google: Provider = {
  name: "Google Artifact Registry",
  wants: "set GOOGLE_APPLICATION_CREDENTIALS, or use docker-credential-gcloud",
  matches: (registry) => HOSTS.test(registry),
  async get(_registry, { environment }) {
    const token = environment.CLOUDSDK_AUTH_ACCESS_TOKEN || environment.GOOGLE_OAUTH_ACCESS_TOKEN;
    if (token) {
      return { credential: { kind: "basic", username: "oauth2accesstoken", password: token } };
    }
    const path = environment.GOOGLE_APPLICATION_CREDENTIALS;
    const password = path ? await serviceAccountKey(path) : undefined;
    if (password === undefined) return undefined;
    return { credential: { kind: "basic", username: "_json_key", password } };
  },
};

const HOSTS = /^(?:(?:[a-z0-9-]{1,63}\.)?gcr\.io|[a-z0-9-]{1,63}-docker\.pkg\.dev)$/;
const MAX_KEY_BYTES = 64 * 1024;

/** `undefined` for a file that is not of a service account: it holds nothing that a registry takes. */
async function serviceAccountKey(path: string): Promise<string | undefined> {
  const bytes = await readDocument(path, MAX_KEY_BYTES);
  if (bytes === undefined) throw unreadable(path, "it is not there");
  const document = documentIn(bytes);
  if (!isObject(document)) throw unreadable(path, "it is no JSON object");
  return document.type === "service_account" ? Buffer.from(bytes).toString("utf8") : undefined;
}

/** Without the parser's message, which would quote the key. */
function documentIn(bytes: Uint8Array): JsonValue | undefined {
  try {
    return parseJson(bytes, { what: "key file", maxBytes: MAX_KEY_BYTES });
  } catch {
    return undefined;
  }
}

function unreadable(path: string, why: string): LadingError {
  return new LadingError(
    "usage",
    `the file of GOOGLE_APPLICATION_CREDENTIALS can't be read: ${why}`,
    {
      path,
      hint: "mend the file, or take the variable away",
    },
  );
}
