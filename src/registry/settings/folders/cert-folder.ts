import { basename, join } from "node:path";
import { LadingError } from "../../../errors.ts";
import { hasPrivateKey, readCertificates } from "../../tls/pem.ts";
import { originKeys, type RegistryPatch } from "../patch.ts";
import { ProblemList } from "../problem.ts";

/**
 * What docker's layout says of a registry: each `*.crt` is an authority, `NAME.cert` and `NAME.key` are a
 * client certificate and its key.
 *
 * @see https://docs.docker.com/engine/security/certificates/
 */
export async function readCertFolder(
  folder: string,
  names: readonly string[],
): Promise<{ readonly patch: RegistryPatch; readonly problems: ProblemList }> {
  const problems = new ProblemList(folder);
  const sorted = [...names].sort();
  const ca = sorted.filter((name) => name.endsWith(".crt")).map((name) => join(folder, name));
  const client: { cert: string; key: string }[] = [];
  for (const name of sorted.filter((one) => one.endsWith(".cert"))) {
    const cert = join(folder, name);
    const key = name.replace(/cert$/, "key");
    if (names.includes(key)) client.push({ cert, key: join(folder, key) });
    else if (await holdsBoth(cert, problems)) client.push({ cert, key: cert });
  }
  for (const name of sorted.filter((one) => one.endsWith(".key"))) {
    const cert = name.replace(/key$/, "cert");
    if (!names.includes(cert)) problems.error([], `${name} is there without ${cert}`, CRT_HINT);
  }
  const patch = {
    ...(ca.length > 0 ? { ca } : {}),
    ...(client.length > 0 ? { client } : {}),
  };
  const origins = new Map(originKeys(patch).map((key) => [key, folder]));
  return { patch: { ...patch, origins }, problems };
}

const CRT_HINT = "authorities are NAME.crt; client certificates are NAME.cert with NAME.key";

async function holdsBoth(cert: string, problems: ProblemList): Promise<boolean> {
  try {
    if (hasPrivateKey(await readCertificates(cert))) return true;
    problems.error([], `${basename(cert)} is there without its key`, CRT_HINT);
  } catch (error) {
    if (!(error instanceof LadingError)) throw error;
    problems.error([], error.message, error.hint);
  }
  return false;
}
