import { exitCodeOfSignal, type StopSignal } from "./exit-code.ts";

export interface StopSignals {
  /** The first signal that came. */
  readonly received: StopSignal | undefined;
  /** Back to what Node does by itself. */
  release(): void;
}

/**
 * Ctrl-C and SIGTERM: the first one calls `onStop`, so that what is under way can end well; the second
 * ends the process at once, after `onExit` has put the terminal in order.
 */
export function listenForSignals(onStop: () => void, onExit: () => void): StopSignals {
  let received: StopSignal | undefined;
  const listener = (signal: NodeJS.Signals): void => {
    const stop: StopSignal = signal === "SIGINT" ? "SIGINT" : "SIGTERM";
    if (received !== undefined) {
      onExit();
      process.exit(exitCodeOfSignal(stop));
    }
    received = stop;
    onStop();
  };
  process.on("SIGINT", listener);
  process.on("SIGTERM", listener);
  return {
    get received() {
      return received;
    },
    release() {
      process.off("SIGINT", listener);
      process.off("SIGTERM", listener);
    },
  };
}

/** For a process that has the terminal now: Ctrl-C reaches it by itself, and is not for us. */
export function passSignals(to: (signal: StopSignal) => void): void {
  process.on("SIGINT", () => {
    if (!process.stdin.isTTY) to("SIGINT");
  });
  process.on("SIGTERM", () => to("SIGTERM"));
}
