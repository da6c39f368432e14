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
  async run({ args, output }) {
    const { script } = await import("@bomb.sh/tab");
    const printed = whatIsLogged(() => script(args[0] ?? "", "lading", "lading"));
    await output.write(printed);
  },
};

/** The library prints by itself; as a result it must go where results go, and fail as they do. */
function whatIsLogged(work: () => void): string {
  const { log } = console;
  let logged = "";
  console.log = (text: string) => {
    logged += `${text}\n`;
  };
  try {
    work();
  } finally {
    console.log = log;
  }
  return logged;
}
