import type { Provider } from "./types.ts";

/**
 * GitHub's registry, with the token that its own tools and its CI use. It takes any name beside a token.
 *
 * @see https://docs.github.com/en/packages/working-with-a-github-packages-registry/working-with-the-container-registry
 */
export const github: Provider = {
  name: "GHCR",
  wants: "set GITHUB_TOKEN",
  matches: (registry) => registry === "ghcr.io",
  async get(_registry, { environment }) {
    const password = environment.GITHUB_TOKEN || environment.GH_TOKEN;
    if (!password) return undefined;
    return {
      credential: { kind: "basic", username: environment.GITHUB_ACTOR || "token", password },
    };
  },
};
