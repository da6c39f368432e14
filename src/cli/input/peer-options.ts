import type { CommanderError } from "commander";

/** What other tools have as an option, and where lading has it: typed by habit, looked for in vain. */
export function peerOptionHint(error: CommanderError, command: string): string | undefined {
  if (error.code !== "commander.unknownOption") return undefined;
  const [, option = ""] = /'(--[^'=]*|-[^'-])/.exec(error.message) ?? [];
  return ELSEWHERE.get(`${command} ${option}`) ?? ELSEWHERE.get(option);
}

const TLS =
  "skip-verify or ca in lading.toml for that registry (docs/registries.md); --plain-http for http";
const PASSWORD = "--password-stdin reads it, where nobody else sees it";
const CERTIFICATES = "docker's certs.d, or ca and client in lading.toml (docs/registries.md)";
const CREDENTIALS = "LADING_* variables or --authfile (docs/credentials.md)";

/** By option, or by command and option. */
const ELSEWHERE: ReadonlyMap<string, string> = new Map([
  ["--tls-verify", TLS],
  ["--src-tls-verify", TLS],
  ["--skip-tls-verify", TLS],
  ["--insecure", TLS],
  ["--cert-dir", CERTIFICATES],
  ["--src-cert-dir", CERTIFICATES],
  ["--creds", CREDENTIALS],
  ["--src-creds", CREDENTIALS],
  ["login -p", PASSWORD],
  ["login --password", PASSWORD],
  ["logout --all", "lading login --list shows what is saved; logout takes one registry at a time"],
]);
