import { expect, test } from '@jest/globals';
import { DROPS, type DropName } from './drops.ts';
import { keepable } from './kept-form.ts';
import { without } from './rules.ts';
import { simulate } from './simulate.ts';
import { hunt, story } from './telling.ts';

/*
 * A simulation that cannot fail proves nothing. Each rule is dropped in turn, as somebody would who does not know it, and a history is
 * found in which that breaks a law. `SIMULATION=show` prints after how many histories, and the smallest of them with all that happens, as
 * it can be added to regressions.ts.
 */

/** Some thousands: none of them takes more than a few seconds. */
const MOST_HISTORIES = 5_000;
const isShown = process.env['SIMULATION'] === 'show';

test.each(Object.keys(DROPS) as DropName[])(
  'without the rule, harm: %s',
  (name) => {
    const { dropped, sought, seed, from } = DROPS[name];
    const rules = without(...dropped);
    const found = hunt(from, { rules, sought, seed, runs: MOST_HISTORIES, isShrunk: isShown });
    if (found && isShown) {
      const text = story(found.history, { rules, sought });
      const kept = keepable(found.history, { without: name });
      process.stdout.write(`${name}: ${found.breach}, after ${found.after} histories\n${kept}\n${text}\n\n`);
    }

    expect(found?.breach).toMatch(sought);
    // The rule alone makes the difference.
    expect(found && simulate(found.history).breach).toBeNull();
  },
  120_000,
);
