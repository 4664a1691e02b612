import { isTerminalOrder } from '../../../src/domain/order.ts';
import { createAccepted, executeAccepted, lookedUp, type Reading, trueReading } from './readings.ts';
import type { Bounds, Rules } from './rules.ts';
import { type AttemptState, type ConduitState, isLive, type OrderState, type SendState } from './state.ts';

/** Something that happens to one attempt by itself: a message moves, a reply is stored, time passes, Conduit acts. */
export interface Happening {
  readonly label: string;
  readonly to: AttemptState;
  /** Needs no bad luck: this is how things go when everything that was sent arrives. */
  readonly isFair: boolean;
  /** Bytes of an execute or a create leave us. */
  readonly leaves?: 'create' | 'execute';
}

type Operation = 'creates' | 'executes';
const NAME: Record<Operation, string> = { creates: 'create', executes: 'execute' };

function marked(a: AttemptState, operation: Operation, index: number, mark: SendState['mark']): AttemptState {
  return { ...a, [operation]: a[operation].map((send, i) => (i === index ? { ...send, mark } : send)) };
}

/** Everything that may happen to an attempt next, whatever its order's row says. */
export function happeningsOf(rules: Rules, bounds: Bounds, a: AttemptState): Happening[] {
  if (a.status === 'unborn') return [];
  return [
    ...a.creates.flatMap((send, index) => ofSend(rules, bounds, a, 'creates', send, index)),
    ...a.executes.flatMap((send, index) => ofSend(rules, bounds, a, 'executes', send, index)),
    ...ofTime(bounds, a),
    ...ofConduit(rules, bounds, a),
    ...(isLive(a) && (a.creates.length > 0 || a.hasId) ? lookUps(rules, bounds, a) : []),
  ];
}

function ofSend(
  rules: Rules,
  bounds: Bounds,
  a: AttemptState,
  operation: Operation,
  send: SendState,
  index: number,
): Happening[] {
  const name = `${NAME[operation]}${operation === 'executes' ? ` ${send.key}` : index > 0 ? ' again' : ''}`;
  const into = (mark: SendState['mark'], from: AttemptState = a) => marked(from, operation, index, mark);
  const lost: Happening = { label: `${name}: lost`, to: into('lost'), isFair: false };
  switch (send.mark) {
    case 'held':
      return [
        {
          label: `${name} leaves`,
          to: into('away'),
          isFair: true,
          leaves: operation === 'creates' ? 'create' : 'execute',
        },
        { label: `${name}: its permit grew too old, nothing left`, to: into('unsent'), isFair: true },
      ];
    case 'away':
      return [
        lost,
        ...(operation === 'creates' ? createArrives(bounds, a, send, name, into) : executeArrives(a, send, name, into)),
      ];
    case 'ok_back': {
      const stored =
        operation === 'creates' ? createAccepted(rules, into('accepted')) : executeAccepted(into('accepted'));
      return [
        { ...lost, label: `${name}: its 202 is lost` },
        { label: `${name}: its 202 is stored`, to: stored, isFair: true },
      ];
    }
    case 'no_back':
      return [
        { ...lost, label: `${name}: its refusal is lost` },
        { label: `${name}: its refusal is stored`, to: into('refused'), isFair: true },
      ];
    case 'gone_back':
      return [{ label: `${name}: "quote gone" is stored`, to: into('gone'), isFair: true }];
    case 'lost':
      if (rules.ownRowPerSend || operation === 'creates' || a.isGhostAway || !isLive(a)) return [];
      return [
        {
          label: `${name}: the HTTP agent sends it again by itself`,
          to: { ...into('away'), isGhostAway: true },
          isFair: false,
        },
      ];
    default:
      return [];
  }
}

type Into = (mark: SendState['mark'], from?: AttemptState) => AttemptState;

function createArrives(bounds: Bounds, a: AttemptState, send: SendState, name: string, into: Into): Happening[] {
  if (a.conduit === 'none') {
    const made = into('ok_back', { ...a, conduit: 'pending' });
    return [
      { label: `${name} arrives: Conduit makes the order`, to: made, isFair: true },
      ...(bounds.hasCreateRefusals
        ? [
            { label: `${name} arrives: 429`, to: into('no_back'), isFair: false },
            { label: `${name} arrives: quote gone`, to: into('gone_back'), isFair: false },
          ]
        : []),
    ];
  }
  const isReplay = send.key === 1 && !a.isKeyForgotten;
  return [
    isReplay
      ? { label: `${name} arrives: the first reply again`, to: into('ok_back'), isFair: true }
      : {
          label: `${name} arrives: a second order of one reference`,
          to: into('ok_back', { ...a, hasTwin: true }),
          isFair: true,
        },
  ];
}

function executeArrives(a: AttemptState, send: SendState, name: string, into: Into): Happening[] {
  if (a.conduit !== 'pending') {
    if (a.claimedByKey === send.key)
      return [{ label: `${name} arrives: the first reply again`, to: into('ok_back'), isFair: true }];
    return [{ label: `${name} arrives: 409`, to: into('lost'), isFair: true }];
  }
  const claimed = into('ok_back', { ...a, conduit: 'claimed', claimedByKey: send.key });
  return [
    { label: `${name} arrives: claimed`, to: claimed, isFair: true },
    { label: `${name} arrives: 422, no funds`, to: into('no_back'), isFair: false },
  ];
}

function ofTime(bounds: Bounds, a: AttemptState): Happening[] {
  if (!isLive(a)) return [];
  const found: Happening[] = [];
  const hasCreate = a.creates.length > 0;
  if (a.createKey === 'young' && hasCreate && bounds.hasLongOptions)
    found.push({ label: 'time: the key of the create is old', to: { ...a, createKey: 'old' }, isFair: true });
  if (a.createKey !== 'gone' && a.status === 'prepared')
    found.push({ label: 'time: key and option of the create are over', to: { ...a, createKey: 'gone' }, isFair: true });
  if (a.executeKey === 'young' && a.executes.length > 0)
    found.push({ label: 'time: the key of the execute is old', to: { ...a, executeKey: 'old' }, isFair: true });
  // A permit leaves the lock 15 s and is dead after 2.
  if (!a.isLockOver && a.conduit !== 'none' && !a.executes.some(({ mark }) => mark === 'held'))
    found.push({ label: 'time: the lock is over', to: { ...a, isLockOver: true }, isFair: false });
  return found;
}

function ofConduit(rules: Rules, bounds: Bounds, a: AttemptState): Happening[] {
  const found: Happening[] = [];
  const happen = (label: string, change: Partial<AttemptState>, isFair = false) =>
    found.push({ label, to: { ...a, ...change }, isFair });
  if (a.conduit === 'pending') {
    if (a.isLockOver || !isLive(a)) happen('Conduit: the lock ends', { conduit: 'expired' });
    if (bounds.ends.includes('cancelled_by_other')) happen('somebody else cancels', { conduit: 'cancelled_by_other' });
    if (bounds.hasForeignClaim && isLive(a)) happen('somebody else claims', { conduit: 'claimed' });
    const isFollowed = a.isOrphan && !a.isCancelAway && rules.orphansAreFollowed;
    if (isFollowed) happen('the orphan is cancelled', { isCancelAway: true }, true);
  }
  if (a.conduit === 'claimed') {
    happen('Conduit: succeeded', { conduit: 'succeeded' });
    for (const end of bounds.ends) if (end.startsWith('failed')) happen(`Conduit: ${end}`, { conduit: end });
  }
  const claimed = a.conduit === 'pending' ? 'claimed' : a.conduit;
  if (a.isGhostAway) happen('the first bytes arrive after all', { isGhostAway: false, conduit: claimed });
  if (a.isCancelAway) {
    const conduit = a.conduit === 'pending' ? 'cancelled' : a.conduit;
    happen('the cancel arrives at Conduit', { isCancelAway: false, conduit }, true);
    happen('the cancel is lost', { isCancelAway: false });
  }
  return found;
}

/** What a look-up that lags may still show: whatever was true before. */
const EARLIER: Record<ConduitState, readonly Reading[]> = {
  none: [],
  pending: ['absent'],
  claimed: ['absent', 'pending'],
  succeeded: ['absent', 'pending', 'claimed'],
  failed: ['absent', 'pending', 'claimed'],
  failed_otherwise: ['absent', 'pending', 'claimed'],
  failed_quietly: ['absent', 'pending', 'claimed'],
  expired: ['absent', 'pending'],
  cancelled: ['absent', 'pending'],
  cancelled_by_other: ['absent', 'pending'],
};

/** A look-up at any time, whoever asked: it shows Conduit's order as it is, or (with lag) as it was. */
function lookUps(rules: Rules, bounds: Bounds, a: AttemptState): Happening[] {
  const readings: Reading[] = [trueReading(a)];
  if (bounds.hasLag) readings.push(...EARLIER[a.conduit]);
  if (a.end === 'none_linked') readings.push('unavailable');
  return readings.map((reading, index) => ({
    label: `look-up: ${reading}${index === 0 ? '' : ' (not so)'}`,
    to: lookedUp(rules, a, reading),
    isFair: false,
  }));
}

/** What may happen around an order: the clock, an operator, a change of accounts. */
export function changesAround(bounds: Bounds, order: OrderState): [label: string, change: Partial<OrderState>][] {
  const changes: [string, Partial<OrderState>][] = [];
  if (order.phase === 0) changes.push(['time: the fence is reached', { phase: 1 }]);
  if (order.phase === 1) changes.push(['time: expires_at is reached', { phase: 2 }]);
  if (isTerminalOrder(order.status)) return changes;
  if (bounds.hasPause && order.pause === 'never') changes.push(['an operator pauses', { pause: 'on' }]);
  if (order.pause === 'on') changes.push(['an operator resumes', { pause: 'lifted' }]);
  if (bounds.hasAccountChange && order.areAccountsActive)
    changes.push(['an account is deactivated', { areAccountsActive: false }]);
  return changes;
}
