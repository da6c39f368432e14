import type { CommandDefinition } from "../command.ts";

const SHELLS = ["bash", "zsh", "fish"] as const;

export const completion: CommandDefinition = {
  description: `Prints a script that makes your shell complete lading's commands, options, values, and the names
that are in the local store.`,
  arguments: [{ name: "<shell>", description: "yours", choices: SHELLS }],
  examples: [
    { command: 'eval "$(lading completion bash)"', explains: "in ~/.bashrc" },
    { command: 'eval "$(lading completion zsh)"', explains: "in ~/.zshrc" },
    { command: "lading completion fish | source", explains: "in ~/.config/fish/config.fish" },
  ],
  doing: ([shell]) => `print the completion for ${shell}`,
  async run({ args }) {
    const { script } = await import("@bomb.sh/tab");
    script(args[0] ?? "", "lading", "lading");
  },
};
