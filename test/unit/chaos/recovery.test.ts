import { expect, test } from '@jest/globals';
import { wellAgainSince } from '../../../chaos/experiments/recovery.ts';

/** Half a second apart, beginning at 0: `+` is a good one. */
const looks = (text: string) => text.split('').map((sign, index) => ({ at: index * 500, isWell: sign === '+' }));

test.each([
  ['+++', 0, 0],
  // Still good when it was struck, and not yet felt.
  ['+++-+++', 1_000, 2_000],
  ['++-++-+++', 0, 3_000],
  ['--+++', 400, 1_000],
  ['+++++', 600, 1_000],
  // Well for a moment, ill again: it was not over.
  ['+++---+++', 0, 3_000],
  ['+++--+++', 0, 0],
  ['---++++', 2_000, 2_000],
])('of the looks %s those since %d ms are good from %d on', (text, from, at) => {
  expect(wellAgainSince(looks(text), from)).toEqual({ at, isWell: true });
});

test.each([
  ['++', 0],
  ['+-+', 0],
  ['+++--', 500],
  ['---', 0],
  ['+++---', 0],
])('of the looks %s those since %d ms do not become good for long', (text, from) => {
  expect(wellAgainSince(looks(text), from)).toBeUndefined();
});
