import { expect, test } from '@jest/globals';
import { foreignHistories, histories } from './generator.ts';
import { type Rules, without } from './rules.ts';
import { simulate } from './simulate.ts';
import { hunt, story } from './telling.ts';

/*
 * A simulation that cannot fail proves nothing. Each rule is dropped in turn, as somebody would who does not know it, and a history is
 * found in which that breaks a law. `SIMULATION=show` prints after how many histories, and the smallest of them with all that happens.
 */

interface Drop {
  readonly dropped: readonly (keyof Rules)[];
  /** The breach that is looked for: the first that comes about is seldom the one that costs money. */
  readonly sought: RegExp;
  /** One with which it does not take long. */
  readonly seed: number;
  readonly from?: typeof histories;
}

const MONEY = /two Conduit orders of one order|money moves/;

const DROPS: Record<string, Drop> = {
  '"absent" is taken as proof that an execute had no effect': { dropped: ['absentIsNoProof'], sought: MONEY, seed: 2 },
  '"pending, unclaimed" is taken as proof that an execute had no effect': {
    dropped: ['pendingIsNoProof'],
    sought: MONEY,
    seed: 5,
  },
  'a send is repeated under a new key': {
    dropped: ['sameKeyAgain'],
    sought: /^L1: one reference stands for two Conduit orders/,
    seed: 5,
  },
  'a cancel is confirmed while an execute may be on its way': {
    dropped: ['cancelHeedsExecuting'],
    sought: /^L5: money moves after a confirmed cancel/,
    seed: 4,
  },
  'a permit neither compares versions nor judges the row': {
    dropped: ['permitJudgesRow'],
    sought: /^L5: .* after a confirmed cancel/,
    seed: 6,
  },
  'expiry is asked only before an attempt is begun': {
    dropped: ['expiryIsAskedAgain', 'permitHeedsFence'],
    sought: /^L4: .* takes effect at or after expires_at/,
    seed: 6,
  },
  "another send's refusal is taken for this one's": { dropped: ['ownReplyOnly'], sought: MONEY, seed: 2 },
  'bytes are sent again without a permit and a row of their own': {
    dropped: ['ownRowPerSend'],
    sought: MONEY,
    seed: 4,
  },
  'a weaker reading replaces a stronger one': {
    dropped: ['readingsOnlyRise'],
    sought: /^L2/,
    seed: 4,
    from: foreignHistories,
  },
  'what Conduit locked is not held against the condition': {
    dropped: ['lockIsVerified'],
    sought: /^L3: what/,
    seed: 2,
  },
  'a permit never ages': { dropped: ['permitAges'], sought: /^L4: .* leaves at or after expires_at/, seed: 5 },
  'a refused cancel is forgotten': { dropped: ['refusedCancelForbids'], sought: /^L5/, seed: 1 },
  'nobody follows what a fence leaves at Conduit': { dropped: ['orphansAreFollowed'], sought: /^L7/, seed: 4 },
  'nobody asks Conduit to end an order whose execute is unresolved': {
    dropped: ['unresolvedIsCancelled'],
    sought: /^L2: still executing/,
    seed: 5,
  },
  'a late 202 opens a closed attempt again': { dropped: ['closedStaysClosed'], sought: /^L1: two attempts/, seed: 3 },
  'a failure without linked transactions is believed at the first reading': {
    dropped: ['failureIsReadTwice'],
    sought: MONEY,
    seed: 3,
  },
  'neither versions are compared nor a live attempt asked for': {
    dropped: ['compareAndSet', 'oneLiveAttempt'],
    sought: /^L1: two attempts of one order are live/,
    seed: 3,
  },
  'a permit does not ask for pauses': { dropped: ['permitHeedsPause'], sought: /^pause/, seed: 5 },
};

/** Some thousands: none of them takes more than a few seconds. */
const MOST_HISTORIES = 5_000;
const isShown = process.env['SIMULATION'] === 'show';

test.each(Object.entries(DROPS))(
  'without the rule, harm: %s',
  (name, { dropped, sought, seed, from = histories }) => {
    const rules = without(...dropped);
    const found = hunt(from, { rules, sought, seed, runs: MOST_HISTORIES, isShrunk: isShown });
    if (found && isShown) {
      const text = story(found.history, { rules, sought });
      process.stdout.write(`${name}: ${found.breach}, after ${found.after} histories\n${text}\n\n`);
    }

    expect(found?.breach).toMatch(sought);
    // The rule alone makes the difference.
    expect(found && simulate(found.history).breach).toBeNull();
  },
  120_000,
);
