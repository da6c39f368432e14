import path from "node:path";
import { defineConfig, type Plugin, type ViteUserConfig } from "vitest/config";

const root = import.meta.dirname;
const dist = path.resolve(root, process.env["LADING_DIST"] ?? "dist");

/** Tests import `src/` for its types and run what was built from it: workers and the command line too. */
function built(): Plugin {
  return {
    name: "built",
    enforce: "pre",
    resolveId(source, importer) {
      if (importer === undefined || !source.startsWith(".") || !source.endsWith(".ts")) return null;
      const file = path.resolve(path.dirname(importer), source);
      const inside = path.relative(path.join(root, "src"), file);
      if (inside.startsWith("..")) return null;
      return { id: path.join(dist, inside.replace(/\.ts$/, ".js")), external: true };
    },
  };
}

const config: ViteUserConfig = defineConfig({
  plugins: [built()],
  test: {
    include: [process.env["LADING_TESTS"] ?? "test/**/*.test.ts"],
    exclude: process.env["LADING_TESTS"] === undefined ? ["test/interop/**", "test/deep/**"] : [],
    testTimeout: 20_000,
    hookTimeout: 20_000,
    pool: "forks",
    // Much of what tests do is waiting for other processes: a core less would be a core idle.
    maxWorkers: "100%",
  },
});

export default config;
