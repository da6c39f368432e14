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
    // Nothing of the machine's own shows: no proxy, no settings, no credentials.
    env: {
      ...Object.fromEntries(
        ["HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"].flatMap((name) => [
          [name, ""],
          [name.toLowerCase(), ""],
        ]),
      ),
      LADING_CONFIG: path.join(root, "test/settings.toml"),
      XDG_CONFIG_HOME: path.join(root, "test/nothing/config"),
      XDG_RUNTIME_DIR: path.join(root, "test/nothing/run"),
      LADING_CERTS_D: path.join(root, "test/nothing/certs.d"),
      DOCKER_CONFIG: path.join(root, "test/empty-docker"),
      LADING_REGISTRY: "",
      LADING_USERNAME: "",
      LADING_PASSWORD: "",
      LADING_TOKEN: "",
      LADING_AUTH_FILE: "",
      DOCKER_AUTH_CONFIG: "",
      REGISTRY_AUTH_FILE: "",
    },
    testTimeout: 20_000,
    hookTimeout: 20_000,
    pool: "forks",
    // Much of what tests do is waiting for other processes: a core less would be a core idle.
    maxWorkers: "100%",
  },
});

export default config;
