import { readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { expect, it } from "vitest";
import { createRegistry, randomImage } from "../../src/testkit/index.ts";
import { lading, type Ran, start } from "../cli/run-command.ts";
import { temporaryFolder } from "../temporary.ts";

const root = resolve(import.meta.dirname, "../..");

/** What the documents call the registry, and one that wants to know who asks. */
const REGISTRY = "registry.example";
const PRIVATE = "private.example";
const PASSWORD = "a password";

/** And the folder that a person is in. */
const HOME = "/srv/sandbox";

/** Settings that some examples name. */
const COMPANY_TOML = `[defaults]
proxy = "http://proxy.lan:3128"
[registry."docker.io"]
concurrency = 8
[[registry."docker.io".mirror]]
url = "https://mirror.lan/docker-hub"
`;

interface Shown {
  readonly args: readonly string[];
  /** The password is on its standard input. */
  readonly input: boolean;
  readonly stdout: string;
  readonly stderr: string;
  readonly code: number;
}

it("the examples of docs/cli.md, run one after the other, print what it shows", {
  timeout: 120_000,
}, async () => {
  await using registry = await createRegistry();
  await using guarded = await createRegistry({ auth: { kind: "basic", users: { me: PASSWORD } } });
  const { content } = registry;
  const app = randomImage(content, { seed: 1, layers: 2, fileSize: 1_500_000 });
  content.tag("team/app:1", app.descriptor);
  content.tag("team/tool:latest", randomImage(content, { seed: 2, layers: 1 }).descriptor);
  const home = await temporaryFolder();
  await writeFile(join(home, "company.toml"), COMPANY_TOML);
  await writeFile(join(home, "broken.toml"), '[registry."docker.io"]\nmirrors = []\n');
  const examples = await shownIn("docs/cli.md");
  expect(examples.length).toBeGreaterThan(15);
  const addressed = (text: string): string =>
    text.replaceAll(REGISTRY, registry.address).replaceAll(PRIVATE, guarded.address);
  for (const { args, input, stdout, stderr, code } of examples) {
    const what = `lading ${args.join(" ")}`;
    const words = args.map(addressed);
    const ran =
      words[0] === "serve"
        ? await served(words, home)
        : await lading(words, { home, cwd: home, ...(input && { input: PASSWORD }) });
    expect(ran.code, `${what}: ${ran.stderr}`).toBe(code);
    if (stdout.startsWith("{")) {
      expect(shapeOf(JSON.parse(ran.stdout)), what).toEqual(shapeOf(JSON.parse(stdout)));
    } else {
      const plain = (text: string): string[] =>
        normal(
          text
            .replaceAll(registry.address, REGISTRY)
            .replaceAll(guarded.address, PRIVATE)
            .replaceAll(home, HOME),
        );
      expect(plain(ran.stdout), what).toEqual(normal(stdout));
      expect(plain(ran.stderr), what).toEqual(normal(stderr));
    }
  }
});

async function shownIn(file: string): Promise<readonly Shown[]> {
  const text = await readFile(join(root, file), "utf8");
  return [...text.matchAll(/^```console\n\$ lading ([^\n]*)\n(.*?)^```/gms)].map(
    ([, words = "", body = ""]) => {
      const lines = body.trimEnd().split("\n");
      const error = lines.filter((line) => line.startsWith("2> "));
      const exit = lines.filter((line) => line.startsWith("exit code "));
      const output = lines.filter((line) => !error.includes(line) && !exit.includes(line));
      const [typed = "", from] = words.split(" < ");
      return {
        args: typed.split(" "),
        input: from !== undefined,
        stdout: output.join("\n"),
        stderr: error.map((line) => line.slice(3)).join("\n"),
        code: Number(exit[0]?.slice("exit code ".length) ?? 0),
      };
    },
  );
}

/** It serves until it is told to stop. */
async function served(words: readonly string[], home: string): Promise<Ran> {
  const running = start(words, { home });
  await running.said("pull from it");
  running.child.kill("SIGINT");
  return running.ended;
}

/**
 * Lines without what differs from one run to the next: digests, durations, times, ports, requests, the
 * width of columns. Sorted: layers come side by side.
 */
function normal(text: string): string[] {
  return (
    text
      .replace(/[0-9a-f]{64}|[0-9a-f]{4}…[0-9a-f]{4}/g, "DIGEST")
      .replace(/\b[0-9a-f]{12}\b/g, "SHORT")
      .replace(/\b[0-9.]+ m?s\b/g, "TIME")
      .replace(/\b[0-9.]+ [kMGT]?B free\b/g, "SPACE free")
      .replace(/(?:not )?root: files.*/g, "OWNERS")
      .replace(/^ok +settings +.*/gm, "SETTINGS")
      // What took no time has none.
      .replace(/ in TIME$/gm, "")
      .replace(/just now|[0-9]+ minutes? ago/g, "AGE")
      .replace(/\d{4}-\d\d-\d\dT[\d:.]+Z/g, "DATE")
      .replace(/127\.0\.0\.1:\d+/g, "ADDRESS")
      .replace(/\b[0-9]+ requests?\b/g, "REQUESTS")
      .replace(/\bhttps?:/g, "http:")
      .replace(/ {2,}/g, "  ")
      .split("\n")
      .map((line) => line.trimEnd())
      .filter((line) => line !== "")
      .sort()
  );
}

/** The names in a document and the types of their values; of a list, the first element's. */
function shapeOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.slice(0, 1).map(shapeOf);
  if (typeof value !== "object" || value === null) return value === null ? "null" : typeof value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, shapeOf(inner)]));
}
