import { expect, test } from '@jest/globals';
import { firstWellSince } from '../../../chaos/experiments/recovery.ts';

/** Half a second apart, beginning at 0: `+` is a good one. */
const looks = (text: string) => text.split('').map((sign, index) => ({ at: index * 500, isWell: sign === '+' }));

test.each([
  ['+++', 0, 0],
  // Still good when it was struck, and not yet felt.
  ['+++-+++', 1_000, 2_000],
  ['++-++-+++', 0, 3_000],
  ['--+++', 400, 1_000],
  ['+++++', 600, 1_000],
])('of the looks %s the first good one since %d ms is that at %d', (text, from, at) => {
  expect(firstWellSince(looks(text), from)).toEqual({ at, isWell: true });
});

test.each([
  ['++', 0],
  ['+-+', 0],
  ['+++--', 500],
  ['---', 0],
])('of the looks %s none since %d ms is good for long', (text, from) => {
  expect(firstWellSince(looks(text), from)).toBeUndefined();
});
