import type fc from 'fast-check';
import { foreignHistories, histories } from './generator.ts';
import type { History } from './history.ts';
import type { Rules } from './rules.ts';

/** Rules that somebody would drop who does not know them, and the harm that comes of it. */
export interface Drop {
  readonly dropped: readonly (keyof Rules)[];
  /** The breach that is looked for: the first that comes about is seldom the one that costs money. */
  readonly sought: RegExp;
  /** One with which it does not take long. */
  readonly seed: number;
  readonly from: fc.Arbitrary<History>;
}

const MONEY = /two Conduit orders of one order|money moves/;

function drop(dropped: Drop['dropped'], sought: RegExp, seed: number, from = histories): Drop {
  return { dropped, sought, seed, from };
}

export const DROPS = {
  '"absent" is taken as proof that an execute had no effect': drop(['absentIsNoProof'], MONEY, 2),
  '"pending, unclaimed" is taken as proof that an execute had no effect': drop(['pendingIsNoProof'], MONEY, 5),
  'a send is repeated under a new key': drop(['sameKeyAgain'], /^L1: one reference stands for two Conduit orders/, 5),
  'a cancel is confirmed while an execute may be on its way': drop(
    ['cancelHeedsExecuting'],
    /^L5: money moves after a confirmed cancel/,
    4,
  ),
  'a permit neither compares versions nor judges the row': drop(
    ['permitJudgesRow'],
    /^L5: .* after a confirmed cancel/,
    6,
  ),
  'expiry is asked only before an attempt is begun': drop(
    ['expiryIsAskedAgain', 'permitHeedsFence'],
    /^L4: .* takes effect at or after expires_at/,
    6,
  ),
  "another send's refusal is taken for this one's": drop(['ownReplyOnly'], MONEY, 2),
  'bytes are sent again without a permit and a row of their own': drop(['ownRowPerSend'], MONEY, 4),
  'a weaker reading replaces a stronger one': drop(['readingsOnlyRise'], /^L2/, 4, foreignHistories),
  'what Conduit locked is not held against the condition': drop(['lockIsVerified'], /^L3: what/, 2),
  'a permit never ages': drop(['permitAges'], /^L4: .* leaves at or after expires_at/, 5),
  'a refused cancel is forgotten': drop(['refusedCancelForbids'], /^L5/, 1),
  'nobody follows what a fence leaves at Conduit': drop(['orphansAreFollowed'], /^L7/, 4),
  'nobody asks Conduit to end an order whose execute is unresolved': drop(
    ['unresolvedIsCancelled'],
    /^L2: still executing/,
    5,
  ),
  'a late 202 opens a closed attempt again': drop(['closedStaysClosed'], /^L1: two attempts/, 3),
  'a failure without linked transactions is believed at the first reading': drop(['failureIsReadTwice'], MONEY, 3),
  'neither versions are compared nor a live attempt asked for': drop(
    ['compareAndSet', 'oneLiveAttempt'],
    /^L1: two attempts of one order are live/,
    3,
  ),
  'a permit does not ask for pauses': drop(['permitHeedsPause'], /^pause/, 5),
  'nobody tells a run of an attempt that was minted behind its back': drop(
    ['forgottenAreTold'],
    /^L2: an attempt is prepared/,
    2,
  ),
};

export type DropName = keyof typeof DROPS;
