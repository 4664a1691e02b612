import {
  type AttemptState,
  isLive,
  isUnresolvedMark,
  type LookupState,
  mayArrive,
  type OrderState,
  type SendState,
  UNBORN,
} from './state.ts';

/**
 * The state in its shortest form: what no rule reads any more, and what can no longer change anything at Conduit, is forgotten, so
 * that states which differ only there are one. A test holds the plans of both forms against each other.
 */
export function shortest(a: AttemptState): AttemptState {
  if (a.status === 'unborn') return a;
  return isLive(a) ? shortestLive(a) : shortestClosed(a);
}

function shortestClosed(a: AttemptState): AttemptState {
  return {
    ...UNBORN,
    status: a.status === 'succeeded' ? 'succeeded' : 'cancelled',
    closedBy: a.closedBy,
    creates: a.creates.filter((send) => mayMakeOrder(a, send) || (a.closedBy === 'fence' && send.mark === 'ok_back')),
    executes: a.executes.filter(mayArrive),
    hasId: a.hasId,
    isOrphan: a.isOrphan,
    conduit: a.conduit,
    claimedByKey: a.executes.some(mayArrive) ? a.claimedByKey : 0,
    isKeyForgotten: a.isKeyForgotten,
    hasTwin: a.hasTwin,
    isCancelAway: a.isCancelAway,
    isGhostAway: a.isGhostAway,
  };
}

/** A create that arrives once the order is there and its key is known only gets the first reply again. */
function mayMakeOrder({ conduit, isKeyForgotten }: AttemptState, send: SendState): boolean {
  return mayArrive(send) && (conduit === 'none' || isKeyForgotten || send.key !== 1);
}

function shortestLive(a: AttemptState): AttemptState {
  if (a.status === 'prepared' && a.observed !== 'terminal') return a.lookup === 'absent' ? a : { ...a, lookup: 'none' };
  const isEnd = a.observed === 'terminal' && a.end !== 'none_linked';
  const isClaimSeen = a.observed === 'claimed' || a.observed === 'terminal';
  const isAccepted = a.executes.some(({ mark }) => mark === 'accepted');
  const lastKey = a.executes.at(-1)?.key;
  const isRead = (send: SendState) => {
    if (mayArrive(send)) return true;
    if (isEnd) return false;
    if (isClaimSeen) return send.mark === 'accepted' || send.mark === 'ok_back';
    return send.key === lastKey || isUnresolvedMark(send.mark);
  };
  return {
    ...a,
    creates: a.creates.filter((send) => mayMakeOrder(a, send)),
    createKey: 'young',
    executes: a.executes.filter(isRead),
    executeKey: a.status === 'executing' && !isClaimSeen && !isAccepted ? a.executeKey : 'young',
    lookup: isEnd ? 'none' : lookupRead(a),
    isLockOver: a.isLockOver && !isClaimSeen,
  };
}

function lookupRead({ status, lookup }: AttemptState): LookupState {
  const isPending = lookup === 'pending' || lookup === 'old_pending';
  return status === 'created' && isPending ? 'none' : lookup;
}

function textOfSends(sends: readonly SendState[]): string {
  let text = '';
  for (const { key, mark } of sends) text += `${key}${mark},`;
  return text;
}

export function textOfOrder({
  status,
  phase,
  isCancelRefused,
  wasToldTooLate,
  pause,
  areAccountsActive,
}: OrderState): string {
  return `${status} ${phase} ${isCancelRefused} ${wasToldTooLate} ${pause} ${areAccountsActive}`;
}

/** A text that equal attempts share and different ones do not: several times faster to make than JSON. */
export function textOfAttempt(a: AttemptState): string {
  const flags =
    (a.hasId ? 1 : 0) +
    (a.isCreatedRecorded ? 2 : 0) +
    (a.isClaimRecorded ? 4 : 0) +
    (a.isLockOver ? 8 : 0) +
    (a.hasCancelSend ? 16 : 0) +
    (a.isOrphan ? 32 : 0) +
    (a.isKeyForgotten ? 64 : 0) +
    (a.hasTwin ? 128 : 0) +
    (a.isCancelAway ? 256 : 0) +
    (a.isGhostAway ? 512 : 0);
  const row = `${a.status} ${a.closedBy} ${a.observed} ${a.end} ${a.lookup} ${a.createKey} ${a.executeKey}`;
  return `${row} ${a.conduit} ${a.claimedByKey} ${flags} ${textOfSends(a.creates)} ${textOfSends(a.executes)}`;
}
