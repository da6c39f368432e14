import { LadingError } from "../../../errors.ts";
import type { LoginOptions, LoginResult } from "../../../verbs/access/login.ts";
import { loginScope } from "../../../verbs/access/scope.ts";
import type { CommandDefinition, Invocation } from "../../command.ts";
import { secretOnInput } from "../../input/secret.ts";
import { ask } from "../../input/terminal.ts";
import { text } from "../../options.ts";
import { visible } from "../../print/format.ts";
import { originText } from "../../print/origin.ts";
import { printLogins } from "./logins.ts";

export const login: CommandDefinition = {
  description: `Saves who you are to a registry, or to what is below a path on it, once the registry has taken it:
with the credential helper that is configured, else in lading's own file. Asks for the password on the
terminal, without showing it. --list shows what is saved, by lading and by others.`,
  arguments: [{ name: "[registry]", description: "host[:port][/path] (default: docker.io)" }],
  options: [
    { flags: "-u, --username <name>", description: "else asked for on the terminal" },
    { flags: "--password-stdin", description: "read the password from standard input" },
    {
      flags: "--identity-token-stdin",
      description:
        "read an OAuth2 refresh token from standard input, in place of user and password",
    },
    { flags: "--plaintext", description: "save in the file though a helper is configured" },
    { flags: "--no-check", description: "save without asking the registry" },
    { flags: "--list", description: "list what is saved, without the secrets" },
  ],
  examples: [
    { command: "lading login ghcr.io", explains: "asks for user and password" },
    {
      command: "pass ghcr | lading login -u me --password-stdin ghcr.io/org",
      explains: "for one organisation alone",
    },
    { command: "lading login --list", explains: "what is saved, and where" },
  ],
  doing: ([scope = DEFAULT]) => `log in to ${scope}`,
  async run(invocation) {
    const { args, options, settings, output } = invocation;
    if (options.list === true) {
      refuseWithList(invocation);
      return printLogins(invocation);
    }
    const scope = args[0] ?? DEFAULT;
    const { registry } = loginScope(scope);
    const account = await readAccount(invocation, registry);
    const onEvent = await invocation.watch("other");
    const lading = await invocation.open([`${registry}/x`]);
    const { signal } = invocation;
    const plaintext = options.plaintext === true;
    const check = options.check !== false;
    const result = await lading.login(scope, { ...account, plaintext, check, signal, onEvent });
    invocation.endWatch();
    if (settings.json) await output.json(result);
    else await output.line(summary(result));
    for (const line of notes(result, check)) invocation.note(line);
  },
};

const DEFAULT = "docker.io";
const OTHERWISE = "give it by --username NAME --password-stdin";

type Account = Pick<LoginOptions, "username" | "password" | "identityToken">;

async function readAccount(invocation: Invocation, registry: string): Promise<Account> {
  const { options, signal } = invocation;
  const username = text(options, "username");
  const input = process.stdin;
  if (options.identityTokenStdin === true) {
    if (username !== undefined || options.passwordStdin === true) {
      throw new LadingError("usage", "an identity token stands in place of user and password");
    }
    return { identityToken: await secretOnInput("identity token", { input, signal }) };
  }
  if (options.passwordStdin === true) {
    if (username === undefined) throw new LadingError("usage", "--password-stdin needs --username");
    return { username, password: await secretOnInput("password", { input, signal }) };
  }
  const password = { question: `Password for ${registry}: `, secret: true };
  const asked = username === undefined ? [{ question: "Username: " }, password] : [password];
  const answers = await ask(asked, { signal, otherwise: OTHERWISE });
  return { username: username ?? answers[0]?.trim(), password: answers.at(-1) };
}

function summary({ scope, username }: LoginResult): string {
  const who = username === undefined ? "by an identity token" : `as ${visible(username)}`;
  return `logged in to ${scope} ${who}`;
}

function notes({ registry, saved, checked }: LoginResult, check: boolean): string[] {
  const unchecked =
    check && !checked ? [`${registry} asks nobody for credentials: these are not checked`] : [];
  const place =
    saved.kind === "helper"
      ? `saved by ${originText(saved)}`
      : `saved in ${visible(saved.path ?? saved.name)}, unencrypted; a credential helper would keep it safe: docs/credentials.md`;
  return [...unchecked, place];
}

function refuseWithList({ args, options }: Invocation): void {
  const { username, passwordStdin, identityTokenStdin, plaintext, check } = options;
  const others = [
    username,
    passwordStdin,
    identityTokenStdin,
    plaintext,
    check === false || undefined,
  ];
  if (args.length > 0 || others.some((value) => value !== undefined)) {
    throw new LadingError("usage", "--list takes no registry and no other option of login");
  }
}
