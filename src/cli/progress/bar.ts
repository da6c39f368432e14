/**
 * A bar of exactly `width` cells. Full only when all is there, and never beyond: the fraction is cut
 * to 0..1.
 */
export function bar(fraction: number, width: number, unicode: boolean): string {
  const { full, half, empty } = unicode ? UNICODE : ASCII;
  const cut = Number.isFinite(fraction) ? Math.min(1, Math.max(0, fraction)) : 0;
  const halves = Math.floor(cut * width * 2);
  const whole = Math.floor(halves / 2);
  const tip = halves % 2 === 1 ? half : "";
  return full.repeat(whole) + tip + empty.repeat(width - whole - tip.length);
}

const UNICODE = { full: "━", half: "╾", empty: "─" } as const;
const ASCII = { full: "=", half: "-", empty: "." } as const;
