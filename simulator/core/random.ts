/** Numbers in [0, 1) from a seed (mulberry32), so that a run of random faults can be repeated. */
export type Random = () => number;

/** The dice of a simulator, and the way to begin them anew. */
export type Dice = { roll: Random; reseed(seed: number): void };

export function createDice(seed: number): Dice {
  let state = seed >>> 0;
  return {
    roll() {
      state = (state + 0x6d2b79f5) >>> 0;
      let mixed = Math.imul(state ^ (state >>> 15), state | 1);
      mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
      return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
    },
    reseed(next) {
      state = next >>> 0;
    },
  };
}
