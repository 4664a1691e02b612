import { isTerminalOrder, type OrderStatus } from '../../../src/domain/order.ts';
import { type AttemptState, isLive, isUnresolvedMark, mayArrive } from './state.ts';

/** What the laws ask of one attempt, as bits, so that a million states are judged by a few ands. */
export const LIVE = 1;
export const OPEN = 2;
const MONEY = 4;
const CLAIMED = 8;
const SUCCEEDED = 16;
const FENCED_MONEY = 32;
const MISJUDGED_FAILURE = 64;
const TWO_ORDERS = 128;
const TWO_KEYS = 256;
const UNFINISHED = 512;

export function bitsOf(a: AttemptState): number {
  const isMoney = a.conduit === 'claimed' || a.conduit === 'succeeded' || a.conduit === 'failed_quietly';
  const keys = new Set(a.executes.filter(({ mark }) => isUnresolvedMark(mark)).map(({ key }) => key));
  const isUnfinished = a.conduit === 'pending' || (!isLive(a) && a.conduit === 'none' && a.creates.some(mayArrive));
  return (
    (isLive(a) ? LIVE : 0) |
    (a.conduit === 'pending' ? OPEN : 0) |
    (isMoney ? MONEY : 0) |
    (a.conduit === 'claimed' ? CLAIMED : 0) |
    (a.conduit === 'succeeded' ? SUCCEEDED : 0) |
    (isMoney && a.closedBy === 'fence' ? FENCED_MONEY : 0) |
    (a.conduit === 'failed_quietly' && a.closedBy === 'reading' ? MISJUDGED_FAILURE : 0) |
    (a.hasTwin ? TWO_ORDERS : 0) |
    (keys.size > 1 ? TWO_KEYS : 0) |
    (isUnfinished ? UNFINISHED : 0)
  );
}

/** The law that a state breaks, or null: `one` and `two` are the bits of the order's attempts. */
export function breachOf(status: OrderStatus, one: number, two: number): string | null {
  const any = one | two;
  if (one & two & MONEY) return 'L1: two Conduit orders of one order are claimed or succeeded';
  if (status === 'cancelled' && any & MONEY) return 'L5: money moves after a confirmed cancel';
  if ((status === 'expired' || status === 'failed') && any & (CLAIMED | SUCCEEDED))
    return `money moves under an order that is ${status}`;
  if (status === 'executed' && !((one ^ two) & SUCCEEDED)) return 'executed without exactly one success';
  if (one & two & LIVE) return 'two attempts of one order are live';
  if (isTerminalOrder(status) && any & LIVE) return `an order that is ${status} has a live attempt`;
  if (any & FENCED_MONEY) return 'money moves under an attempt that was closed as without effect';
  if (any & MISJUDGED_FAILURE && status !== 'failed') return 'a failure under which money moved was taken for nothing';
  if (any & TWO_ORDERS) return 'one reference stands for two Conduit orders';
  return any & TWO_KEYS ? 'a new execute although one under another key is unresolved' : null;
}

/** Where an expired order may rest: it has ended and left nothing at Conduit, or it waits for the end of a claimed one. */
export function isAtRest(status: OrderStatus, one: number, two: number): boolean {
  if (isTerminalOrder(status)) return ((one | two) & UNFINISHED) === 0;
  return (one & (LIVE | CLAIMED)) === (LIVE | CLAIMED) || (two & (LIVE | CLAIMED)) === (LIVE | CLAIMED);
}
