import { expect, test } from '@jest/globals';
import { BOUNDS, type Bounds, LEAST, type Rules, without } from './rules.ts';
import { search } from './search.ts';
import { isLong, LONG_TIMEOUT_MS, told } from './told.ts';

/*
 * A search that cannot fail proves nothing. Each rule of the protocol is dropped in turn, and the harm that it prevents is found: by the
 * shortest way there is, which `SEARCH=show` prints.
 */

interface Drop {
  readonly dropped: readonly (keyof Rules)[];
  readonly bounds: Bounds;
  readonly harm: string;
  /** How the shortest way to the harm ends. */
  readonly end: readonly string[];
}

const TWO: Bounds = { ...LEAST, attempts: 2 };
const UNRESTED = 'stuck: no way to a rest is left';

const DROPS: Record<string, Drop> = {
  'plans are neither compared with the row nor proved again: a stale fence lets a cancel be confirmed': {
    dropped: ['compareAndSet', 'proofUnderLock'],
    bounds: LEAST,
    harm: 'L5: an execute leaves after a confirmed cancel',
    end: [
      'g1 hand: permit: execute 1',
      'the second hand carries out "fence → watching", long stale',
      'g1 customer cancels: 200',
      'g1 execute 1 leaves',
    ],
  },
  'versions are not compared, other keys not asked: a stale plan sends an old key beside a new one': {
    dropped: ['compareAndSet', 'permitHeedsOtherKeys'],
    bounds: BOUNDS,
    harm: 'a new execute although one under another key is unresolved',
    end: ['g1 hand: permit: execute 2', 'the second hand carries out "permit: execute 1", long stale'],
  },
  'versions are not compared, a live attempt not asked for: two hands make two': {
    dropped: ['compareAndSet', 'oneLiveAttempt'],
    bounds: TWO,
    harm: 'two attempts of one order are live',
    end: ['g1 hand: look, rate met: next attempt', 'the second hand carries out "look", long stale'],
  },
  'a permit without the row: an execute after a confirmed cancel': {
    dropped: ['permitJudgesRow'],
    bounds: LEAST,
    harm: 'L5: an execute is permitted after a confirmed cancel',
    end: ['g1 customer cancels: 200', 'the second hand carries out "permit: execute 1", long stale'],
  },
  'a permit that does not ask the clock: an execute after the fence': {
    dropped: ['permitHeedsFence'],
    bounds: LEAST,
    harm: 'L4: an execute is permitted after the fence',
    end: ['time: the fence is reached', 'the second hand carries out "permit: execute 1"'],
  },
  'a permit that never ages: a frozen sender wakes after expires_at': {
    dropped: ['permitAges'],
    bounds: LEAST,
    harm: 'L4: execute leaves at or after expires_at',
    end: ['time: expires_at is reached', 'g1 execute 1 leaves'],
  },
  "another send's refusal is taken for this one's": {
    dropped: ['ownReplyOnly'],
    bounds: { ...LEAST, executes: 2, hasStaleHand: false },
    harm: 'L5: an execute leaves after a confirmed cancel',
    end: [
      'g1 execute 1: its refusal is stored',
      'g1 hand: execute_refused',
      'g1 customer cancels: 200',
      'g1 execute 1 leaves',
    ],
  },
  'bytes are sent again without a permit and a row of their own': {
    dropped: ['ownRowPerSend'],
    bounds: LEAST,
    harm: 'L5: money moves after a confirmed cancel',
    end: ['g1 the first bytes arrive after all', 'g1 hand: execute_refused', 'g1 customer cancels: 200'],
  },
  'a repeated create takes a fresh key': {
    dropped: ['sameKeyAgain'],
    bounds: { ...LEAST, creates: 2 },
    harm: 'one reference stands for two Conduit orders',
    end: ['g1 create again leaves', 'g1 create again arrives: a second order of one reference'],
  },
  'a create is repeated under a key that Conduit may have forgotten': {
    dropped: ['planHeedsKeyAge', 'permitHeedsKeyAge'],
    bounds: { ...LEAST, creates: 2, hasLongOptions: true, hasStaleHand: false },
    harm: 'one reference stands for two Conduit orders',
    end: ['g1 create again leaves', 'g1 create again arrives: a second order of one reference'],
  },
  'only the plan asks how old the key is: one made in time is carried out too late': {
    dropped: ['permitHeedsKeyAge'],
    bounds: { ...LEAST, creates: 2, hasLongOptions: true },
    harm: 'one reference stands for two Conduit orders',
    end: ['g1 create again leaves', 'g1 create again arrives: a second order of one reference'],
  },
  '"absent" is taken as proof that an execute had no effect': {
    dropped: ['absentIsNoProof'],
    bounds: { ...TWO, hasStaleHand: false },
    harm: 'L1: two Conduit orders of one order are claimed or succeeded',
    end: ['g2 execute 1 leaves', 'g2 execute 1 arrives: claimed'],
  },
  '"pending, unclaimed" is taken as proof that an execute had no effect': {
    dropped: ['pendingIsNoProof'],
    bounds: { ...TWO, hasStaleHand: false },
    harm: 'L1: two Conduit orders of one order are claimed or succeeded',
    end: ['g2 execute 1 leaves', 'g2 execute 1 arrives: claimed'],
  },
  'a cancel is confirmed while an execute is on its way': {
    dropped: ['cancelHeedsExecuting'],
    bounds: LEAST,
    harm: 'L5: an execute leaves after a confirmed cancel',
    end: ['g1 hand: permit: execute 1', 'g1 customer cancels: 200', 'g1 execute 1 leaves'],
  },
  'a refused cancel is forgotten': {
    dropped: ['refusedCancelForbids'],
    bounds: { ...LEAST, executes: 2 },
    harm: 'L5: an execute is permitted after a refused cancel',
    end: ['g1 customer cancels: 409', 'g1 hand: permit: execute 1'],
  },
  'a refused cancel is forgotten and asked for once more': {
    dropped: ['refusedCancelForbids'],
    bounds: LEAST,
    harm: 'L5: a cancel answered 409 shows as cancelled',
    end: ['g1 customer cancels: 409', 'g1 hand: close_without_effect', 'g1 customer cancels: 200'],
  },
  'nobody follows what a fence leaves behind: an order stays at Conduit': {
    dropped: ['orphansAreFollowed'],
    bounds: { ...LEAST, hasStaleHand: false, hasLag: false },
    harm: UNRESTED,
    end: ['time: expires_at is reached'],
  },
  'nobody asks Conduit to end an order whose execute is unresolved: ours never ends': {
    dropped: ['unresolvedIsCancelled'],
    bounds: { ...LEAST, hasStaleHand: false, hasLag: false },
    harm: UNRESTED,
    end: ['g1 execute 1: lost'],
  },
  'a late 202 opens a closed attempt again': {
    dropped: ['closedStaysClosed'],
    bounds: { ...LEAST, hasStaleHand: false },
    harm: 'an order that is cancelled has a live attempt',
    end: ['g1 customer cancels: 200', 'g1 create: its 202 is stored'],
  },
  'a 202 does not outrank an earlier "absent": the order is adopted for ever': {
    dropped: ['replyOutranksAbsent'],
    bounds: LEAST,
    harm: 'stuck: "adopt_created" can never be carried out',
    end: ['g1 look-up: absent (not so)', 'g1 create: its 202 is stored', 'g1 hand: adopt_created'],
  },
  'a failure without linked transactions is believed at the first reading': {
    dropped: ['failureIsReadTwice'],
    bounds: { ...LEAST, ends: ['failed_quietly'] },
    harm: 'a failure under which money moved was taken for nothing',
    end: ['g1 look-up: failed_quietly', 'g1 hand: close_without_effect'],
  },
};

/** Further ways to the same harms, on to where they cost money: with two attempts, so with more states than the quick form visits. */
const LONG_DROPS: Record<string, Drop> = {
  'plans are neither compared with the row nor proved again: in the end two orders are executed': {
    dropped: ['compareAndSet', 'proofUnderLock'],
    bounds: TWO,
    harm: 'L1: two Conduit orders of one order are claimed or succeeded',
    end: ['g2 execute 1 leaves', 'g2 execute 1 arrives: claimed'],
  },
  "another send's refusal is taken for this one's: in the end two orders are executed": {
    dropped: ['ownReplyOnly'],
    bounds: { ...TWO, executes: 2, hasStaleHand: false },
    harm: 'L1: two Conduit orders of one order are claimed or succeeded',
    end: ['g2 execute 1 leaves', 'g2 execute 1 arrives: claimed'],
  },
  'late 202s open closed attempts again: in the end two orders are executed': {
    dropped: ['closedStaysClosed'],
    bounds: { ...TWO, hasStaleHand: false },
    harm: 'L1: two Conduit orders of one order are claimed or succeeded',
    end: ['g2 execute 1 leaves', 'g2 execute 1 arrives: claimed'],
  },
};

const ALL_DROPS = Object.entries(isLong ? { ...DROPS, ...LONG_DROPS } : DROPS);

test.each(ALL_DROPS)(
  'without the rule, harm: %s',
  (name, { dropped, bounds, harm, end }) => {
    const result = search(without(...dropped), bounds, { sought: new RegExp(`^${harm.replaceAll('"', '.')}$`) });
    told(name, result);

    expect(result.finding?.breach).toBe(harm);
    expect(result.finding?.path.slice(-end.length)).toEqual(end);
  },
  LONG_TIMEOUT_MS,
);

// Two locks on one door: what the comparison of versions would drop, the proof in the same transaction refuses as well.
test.each<keyof Rules>(['compareAndSet', 'proofUnderLock', 'oneLiveAttempt', 'permitHeedsOtherKeys'])(
  'without %s alone the second lock still holds every law',
  (dropped) => {
    const result = search(without(dropped), isLong ? TWO : { ...LEAST, hasLag: false });
    told(dropped, result);

    expect(result.finding).toBeNull();
  },
  LONG_TIMEOUT_MS,
);
