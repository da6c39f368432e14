import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { describe, expect, it } from "vitest";

const root = resolve(import.meta.dirname, "../../..");

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema | boolean;
  readonly items?: Schema;
  readonly description?: string;
}

describe("schemas/lading.schema.json", () => {
  it("is what lading.toml is checked by", async () => {
    const ran = promisify(execFile)(process.execPath, ["scripts/schema.mjs", "--check"], {
      cwd: root,
    });
    await expect(ran).resolves.toMatchObject({ stdout: "" });
  });

  it("has each key of a registry, of a mirror and of the defaults, and lets no other pass", async () => {
    const schema: Schema = JSON.parse(
      await readFile(join(root, "schemas/lading.schema.json"), "utf8"),
    );
    expect(Object.keys(schema.properties ?? {})).toEqual(["defaults", "registry"]);
    expect(schema.additionalProperties).toBe(false);
    const page = await readFile(join(root, "docs/registries.md"), "utf8");
    const { defaults, registry } = schema.properties ?? {};
    const one = registry?.additionalProperties;
    if (typeof one !== "object" || defaults === undefined) throw new Error("no registry");
    const mirror = one.properties?.mirror?.items;
    for (const table of [defaults, one, mirror]) {
      expect(table?.additionalProperties).toBe(false);
      for (const key of Object.keys(table?.properties ?? {})) expect(page).toContain(`\`${key}\``);
    }
  });
});
