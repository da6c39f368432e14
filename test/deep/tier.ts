/** How much a deep test does: `small` in CI, `full` by `npm run test:deep -- NAME`. */
export const full: boolean = process.env.LADING_TIER !== "small";

/** Printed with each deep test, so that what happened can happen again: `LADING_SEED=… npm run test:deep`. */
export const seed: number = Number(process.env.LADING_SEED ?? Math.floor(Math.random() * 1e9));
