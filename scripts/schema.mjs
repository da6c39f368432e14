// Writes schemas/lading.schema.json out of what lading.toml is checked by: node scripts/schema.mjs [--check]
import { readFile, writeFile } from "node:fs/promises";
import { resolve } from "node:path";

const dist = resolve(process.env.LADING_DIST ?? "dist");
const { ladingToml } = await import(`${dist}/registry/settings/toml/schema.js`);

const path = "schemas/lading.schema.json";
const written = `${JSON.stringify(
  {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: "lading.toml",
    description: "How lading speaks to registries.",
    ...schemaOf(ladingToml),
  },
  null,
  2,
)}\n`;
if (process.argv.includes("--check")) {
  if (written !== (await readFile(path, "utf8").catch(() => ""))) {
    console.log(`${path} is not what lading checks by: node scripts/schema.mjs`);
    process.exitCode = 1;
  }
} else await writeFile(path, written);

/** As much of valibot's schemas as that one uses; anything else is an error here, not a silent gap. */
function schemaOf(node) {
  if (node.wrapped !== undefined) return schemaOf(node.wrapped);
  const [root = node, ...actions] = node.pipe ?? [];
  if (node.pipe !== undefined) return Object.assign(schemaOf(root), ...actions.map(actionOf));
  switch (node.type) {
    case "string":
    case "number":
    case "boolean":
      return { type: node.type };
    case "picklist":
      return { enum: [...node.options] };
    case "union":
      return { anyOf: node.options.map(schemaOf) };
    case "array":
      return { type: "array", items: schemaOf(node.item) };
    case "record":
      return { type: "object", additionalProperties: schemaOf(node.value) };
    case "object":
      return objectOf(node.entries);
    default:
      throw new Error(`a schema of the type ${node.type}`);
  }
}

function objectOf(entries) {
  const required = Object.keys(entries).filter((key) => entries[key].type !== "optional");
  return {
    type: "object",
    properties: Object.fromEntries(
      Object.entries(entries).map(([key, node]) => [key, schemaOf(node)]),
    ),
    ...(required.length > 0 ? { required } : {}),
    additionalProperties: false,
  };
}

function actionOf({ type, requirement, description }) {
  switch (type) {
    case "description":
      return { description };
    case "regex":
      return { pattern: requirement.source };
    case "min_length":
      return { minLength: requirement };
    case "min_value":
      return { minimum: requirement };
    case "max_value":
      return { maximum: requirement };
    case "integer":
      return { type: "integer" };
    case "check":
      return {};
    default:
      throw new Error(`an action of the type ${type}`);
  }
}
