import type { Clock } from "../../../clock.ts";
import { abortedError, LadingError } from "../../../errors.ts";
import { isObject, type JsonValue, parseJson } from "../../../oci/json.ts";
import type { Credential } from "../credentials.ts";
import { findProgram } from "./find-program.ts";
import { type HelperName, parseHelperName, programOf } from "./helper-name.ts";
import { type Ran, type RunOptions, runHelper } from "./run-helper.ts";

export interface HelperOptions {
  readonly signal?: AbortSignal | undefined;
  /** Its `PATH` is where the helper is looked for. Default: the process's. */
  readonly environment?: NodeJS.ProcessEnv | undefined;
  /** Default 30 000. */
  readonly timeoutMs?: number | undefined;
  readonly clock?: Clock | undefined;
}

/** A program that keeps credentials, by docker's protocol. */
export interface Helper {
  /** `docker-credential-pass`. */
  readonly program: string;
  /** `undefined`: it knows none. Whatever else it says is an error that names it. */
  get(server: string, options: HelperOptions): Promise<Credential | undefined>;
  store(server: string, credential: Credential, options: HelperOptions): Promise<void>;
  /** Whether there was something to erase. */
  erase(server: string, options: HelperOptions): Promise<boolean>;
  /** Usernames by server. */
  list(options: HelperOptions): Promise<ReadonlyMap<string, string>>;
}

/**
 * The helper of that name; `refused` where it is no name. What a helper prints is in no error: it may be
 * a secret.
 *
 * @see https://github.com/docker/docker-credential-helpers for the protocol
 */
export function credentialHelper(name: string): Helper {
  const helper = parseHelperName(name);
  const program = programOf(helper);
  return {
    program,
    async get(server, options) {
      const ran = await run(helper, "get", server, options);
      if (ran === "none") return undefined;
      return credentialIn(ran, () => failed(program, "its answer is no credential", server));
    },
    async store(server, credential, options) {
      const input = JSON.stringify({ ServerURL: server, ...spoken(credential) });
      if ((await run(helper, "store", input, options, server)) === "none") {
        throw failed(program, "it keeps no credentials", server);
      }
    },
    erase: async (server, options) => (await run(helper, "erase", server, options)) !== "none",
    async list(options) {
      const ran = await run(helper, "list", "", options);
      return ran === "none" ? new Map() : namesIn(ran, () => failed(program, "its list is none"));
    },
  };
}

const DEFAULT_TIMEOUT_MS = 30_000;
const NOT_FOUND = "credentials not found in native keychain";

/** What it printed, or that it knows nothing. */
async function run(
  helper: HelperName,
  verb: RunOptions["verb"],
  input: string,
  options: HelperOptions,
  server = input,
): Promise<Buffer | "none"> {
  const { environment = process.env, signal, timeoutMs = DEFAULT_TIMEOUT_MS, clock } = options;
  const program = programOf(helper);
  const path = await findProgram(program, environment);
  if (path === undefined) throw missing(program);
  const ran = await runHelper({ path, verb, input, environment, signal, timeoutMs, clock });
  if (ran.end === "aborted" && signal !== undefined) throw abortedError(signal);
  if (ran.end === "exit" && ran.code === 0) return ran.stdout;
  if (ran.end === "exit" && saysNone(ran)) return "none";
  throw failed(program, reasonOf(ran, timeoutMs), server);
}

function saysNone({ stdout, stderr }: Extract<Ran, { end: "exit" }>): boolean {
  return [stdout, stderr].some((output) => output.toString("utf8").trim() === NOT_FOUND);
}

function reasonOf(ran: Ran, timeoutMs: number): string {
  switch (ran.end) {
    case "exit":
      return `exit ${ran.code}`;
    case "signal":
      return `ended by ${ran.signal}`;
    case "timeout":
      return `no answer in ${timeoutMs / 1000} s`;
    case "flood":
      return "it prints too much";
    case "aborted":
      return "aborted";
    case "not-started":
      return ran.code;
  }
}

/** docker's way of saying that a secret is a refresh token. */
const TOKEN_USER = "<token>";

function spoken(credential: Credential): { readonly Username: string; readonly Secret: string } {
  if (credential.kind === "basic") {
    return { Username: credential.username, Secret: credential.password };
  }
  if (credential.kind === "identity") return { Username: TOKEN_USER, Secret: credential.token };
  throw new LadingError("unsupported", "a registry's own token can't be kept by a helper", {
    hint: "log in with user and password, or with an identity token",
  });
}

/** Empty user and secret are how some helpers say that they know none. */
function credentialIn(output: Buffer, malformed: () => LadingError): Credential | undefined {
  const answer = documentIn(output);
  if (!isObject(answer)) throw malformed();
  const { Username: username = "", Secret: secret = "" } = answer;
  if (typeof username !== "string" || typeof secret !== "string") throw malformed();
  if (username === "" && secret === "") return undefined;
  if (username === "" || secret === "") throw malformed();
  if (username !== TOKEN_USER) return { kind: "basic", username, password: secret };
  if (!/^[\x21-\x7e]+$/.test(secret)) throw malformed();
  return { kind: "identity", token: secret };
}

function namesIn(output: Buffer, malformed: () => LadingError): ReadonlyMap<string, string> {
  const answer = documentIn(output);
  if (answer === null) return new Map();
  if (!isObject(answer)) throw malformed();
  return new Map(
    Object.entries(answer).map(([server, username]) => {
      if (typeof username !== "string") throw malformed();
      return [server, username];
    }),
  );
}

function documentIn(output: Buffer): JsonValue | undefined {
  try {
    return parseJson(output, { what: "helper's answer", maxBytes: output.length });
  } catch {
    return undefined;
  }
}

function missing(program: string): LadingError {
  return new LadingError("unauthorized", `${program} is not on the PATH`, {
    hint: "install it, or take its name out of the file that names it",
  });
}

function failed(program: string, why: string, server?: string): LadingError {
  // A file that somebody else wrote may have named the server: only what is harmless in a shell.
  const shown = server !== undefined && /^[A-Za-z0-9.:/_-]+$/.test(server) ? server : "SERVER";
  const by = server === undefined ? `${program} list` : `echo ${shown} | ${program} get`;
  return new LadingError("unauthorized", `${program} failed: ${why}`, { hint: `see: ${by}` });
}
