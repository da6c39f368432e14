import type { ErrorCode } from "../errors.ts";

/** What the command line exits with. Stable: scripts depend on it; `docs/errors.md` lists it. */
export const exitCodes = {
  done: 0,
  failed: 1,
  usage: 2,
  notFound: 3,
  unauthorized: 4,
  invalidContent: 5,
  unavailable: 6,
  interrupted: 130,
  terminated: 143,
} as const;

const EXIT_CODE: Readonly<Record<ErrorCode, number>> = {
  usage: exitCodes.usage,
  "invalid-reference": exitCodes.usage,
  "not-found": exitCodes.notFound,
  "platform-not-found": exitCodes.notFound,
  unauthorized: exitCodes.unauthorized,
  "verification-failed": exitCodes.invalidContent,
  malformed: exitCodes.invalidContent,
  "limit-exceeded": exitCodes.invalidContent,
  unsupported: exitCodes.failed,
  refused: exitCodes.unavailable,
  network: exitCodes.unavailable,
  "registry-unavailable": exitCodes.unavailable,
  "rate-limited": exitCodes.unavailable,
  disk: exitCodes.failed,
  "store-corrupt": exitCodes.failed,
  "store-busy": exitCodes.failed,
  aborted: exitCodes.failed,
  internal: exitCodes.failed,
};

export function exitCodeOf(code: ErrorCode): number {
  return EXIT_CODE[code];
}

/** By the shells' convention: 128 and the number of the signal. */
export function exitCodeOfSignal(signal: StopSignal): number {
  return signal === "SIGINT" ? exitCodes.interrupted : exitCodes.terminated;
}

export type StopSignal = "SIGINT" | "SIGTERM";
