// A table in Markdown, and figures that say no more than they know.
export function table(head, rows) {
  const widths = head.map((title, column) =>
    Math.max(title.length, ...rows.map((row) => row[column].length)),
  );
  const line = (cells) => `| ${cells.map((cell, at) => cell.padEnd(widths[at])).join(" | ")} |`;
  const rule = `|${widths.map((width, at) => `${"-".repeat(width + 1)}${at === 0 ? "-" : ":"}`).join("|")}|`;
  return [line(head), rule, ...rows.map(line)].join("\n");
}

export const seconds = (value) => value.toFixed(2);
export const mib = (value) => value.toFixed(0);
export const ratio = (value) => value.toFixed(2);

/** A section of BENCHMARKS.md. */
export function section(name, { title, text, table, goals, rounds }, asked) {
  const reached = goals.map(([what, figure, goal, sense = "at most"]) => {
    const reached = sense === "at most" ? figure <= goal : figure >= goal;
    return `- ${what}: **${figure.toFixed(2)}**, goal ${sense} ${goal}${reached ? "" : " (missed)"}`;
  });
  return [
    `## ${title}`,
    text,
    table,
    reached.join("\n"),
    `\`npm run bench -- ${name}\`, medians of ${rounds ?? asked} rounds in turn.`,
  ].join("\n\n");
}
