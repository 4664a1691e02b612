import type { Observed } from '../../../src/domain/attempt.ts';
import type { Rules } from './rules.ts';
import type { AttemptState, ConduitState } from './state.ts';

/** What `src/db` keeps of replies and look-ups, said again in small. Nothing here changes a version. */

const RANK: Record<Observed, number> = { absent: 0, pending: 1, claimed: 2, terminal: 3 };

/** `storeCreated`: the first order read stays, and an order is a stronger reading than "absent". */
function withOrder(rules: Rules, a: AttemptState): AttemptState {
  if (a.hasId) return a;
  const isStronger = a.observed === null || (a.observed === 'absent' && rules.replyOutranksAbsent);
  return { ...a, hasId: true, observed: isStronger ? 'pending' : a.observed };
}

function raised(a: AttemptState, to: Observed): AttemptState {
  return a.observed !== null && RANK[a.observed] >= RANK[to] ? a : { ...a, observed: to };
}

/** `storeSendReply` of a 202 to a create. */
export function createAccepted(rules: Rules, a: AttemptState): AttemptState {
  if (a.closedBy === 'reading') return a;
  const kept = withOrder(rules, a);
  if (a.closedBy === null) return kept;
  return rules.closedStaysClosed ? { ...kept, isOrphan: true } : { ...kept, status: 'created', closedBy: null };
}

/** `storeSendReply` of a 202 to an execute. */
export function executeAccepted(a: AttemptState): AttemptState {
  if (a.closedBy === 'reading') return a;
  const kept = raised(a, 'claimed');
  return a.closedBy === 'fence' ? { ...kept, isOrphan: true } : kept;
}

export type Reading = 'absent' | 'unavailable' | Exclude<ConduitState, 'none'>;

/** `storeLookup`: the newest result is kept as it is, the strongest reading only rises. */
export function lookedUp(rules: Rules, a: AttemptState, reading: Reading): AttemptState {
  // Of an order that has ended no rule asks what the newest look-up said.
  const told = (lookup: AttemptState['lookup']) => (a.end === null ? lookup : 'none');
  switch (reading) {
    case 'unavailable':
      return { ...a, lookup: told('none') };
    case 'absent':
      return { ...raised(a, 'absent'), lookup: told('absent') };
    case 'pending':
      return { ...raised(withOrder(rules, a), 'pending'), lookup: told('pending') };
    case 'claimed':
      return { ...raised(withOrder(rules, a), 'claimed'), lookup: told('none') };
    case 'failed_quietly': {
      const end = a.end === null ? 'none_linked' : 'partial';
      return { ...raised(withOrder(rules, a), 'terminal'), end, lookup: 'none' };
    }
    default:
      return { ...raised(withOrder(rules, a), 'terminal'), end: reading, lookup: 'none' };
  }
}

/** What a look-up shows when nothing lags. */
export function trueReading({ conduit }: AttemptState): Reading {
  return conduit === 'none' ? 'absent' : conduit;
}
