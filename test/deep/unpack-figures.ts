/** Prints what was measured, for who reads the log. */
export function tell(line: string): void {
  process.stdout.write(`${line}\n`);
}
