/**
 * A bar of exactly `width` cells. Full only when all is there, and never beyond: the fraction is cut
 * to 0..1. Of what is there, `unpacked` is how much is files as well; the rest is drawn broken.
 */
export function bar(fraction: number, width: number, unicode: boolean, unpacked?: number): string {
  const { full, half, held, empty } = unicode ? UNICODE : ASCII;
  const cut = within(fraction);
  if (unpacked !== undefined) {
    const files = Math.floor(Math.min(within(unpacked), cut) * width);
    const there = Math.floor(cut * width);
    return full.repeat(files) + held.repeat(there - files) + empty.repeat(width - there);
  }
  const halves = Math.floor(cut * width * 2);
  const whole = Math.floor(halves / 2);
  const tip = halves % 2 === 1 ? half : "";
  return full.repeat(whole) + tip + empty.repeat(width - whole - tip.length);
}

function within(fraction: number): number {
  return Number.isFinite(fraction) ? Math.min(1, Math.max(0, fraction)) : 0;
}

const UNICODE = { full: "━", half: "╾", held: "╍", empty: "─" } as const;
const ASCII = { full: "=", half: "-", held: "-", empty: "." } as const;
