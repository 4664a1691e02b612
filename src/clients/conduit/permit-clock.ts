import { uptime } from 'node:os';

/**
 * What the age of a permit is counted on: milliseconds since the machine was started, in steps of ten. It never goes back, nobody sets
 * it, and unlike `performance.now()` it counts the time for which the machine was suspended.
 */
export const permitClock = (): number => uptime() * 1_000;
