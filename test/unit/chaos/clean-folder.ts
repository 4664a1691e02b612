// The evidence of a run in which all went well, put together by hand: what it holds is what the judge must find nothing against.
import type { ClientOperation } from '../../../chaos/evidence/history.ts';
import { addAttempt, type Step, type Story } from './clean-attempt.ts';
import type { Folder } from './folder.ts';

export const BEGAN_AT = Date.parse('2026-01-01T00:00:00.000Z');
const HEALED_AT = BEGAN_AT + 40_000;

/** Four orders, and how each ended: executed, cancelled, executed after a cancel came too late, expired with a fenced attempt. */
export const EXECUTED = '00000000-0000-4000-8000-000000000001';
export const CANCELLED = '00000000-0000-4000-8000-000000000002';
export const TOO_LATE = '00000000-0000-4000-8000-000000000003';
export const EXPIRED = '00000000-0000-4000-8000-000000000004';
export const OWNER = '00000000-0000-4000-8000-0000000000aa';
export const STRANGER = '00000000-0000-4000-8000-0000000000bb';
export const SECRET = 'cpt_secretsecretsecret';
export const ACCOUNT = 'wlt_accountaccountaccount';

const UP_TO_CREATED: readonly Step[] = [
  ['accepted', 'accepted', 0, 'api'],
  ['watching', 'watching', 300],
  ['attempt_prepared', 'watching', 1_000],
  ['create_permitted', 'watching', 1_050],
  ['attempt_created', 'watching', 1_200],
];
const STORIES: readonly Story[] = [
  {
    orderId: EXECUTED,
    direction: '>=',
    placedAfterMs: 1_000,
    steps: [...UP_TO_CREATED, ['execute_permitted', 'executing', 1_300], ['executed', 'executed', 3_000]],
  },
  {
    orderId: CANCELLED,
    direction: '>=',
    placedAfterMs: 1_500,
    steps: [...UP_TO_CREATED.slice(0, 2), ['cancelled', 'cancelled', 4_000, 'api']],
  },
  {
    orderId: TOO_LATE,
    direction: '<=',
    placedAfterMs: 2_000,
    steps: [
      ...UP_TO_CREATED,
      ['execute_permitted', 'executing', 1_300],
      ['cancel_refused', 'executing', 2_000, 'api'],
      ['executed', 'executed', 3_000],
    ],
  },
  {
    orderId: EXPIRED,
    direction: '>=',
    placedAfterMs: 2_500,
    steps: [...UP_TO_CREATED, ['attempt_closed', 'watching', 24_000], ['expired', 'expired', 30_000]],
  },
];
const LIFE_MS = 30_000;

/** A new one each time, so that each test may spoil its own. */
export function cleanFolder(): Folder {
  const folder: Folder = {
    meta: {
      experiments: ['F12'],
      seed: 1,
      timeScale: 10,
      sendMarginMs: 6_000,
      quoteMarginMs: 3_000,
      httpDeadlineMs: 1_000,
      refreshMs: 1_000,
      callsPerSecond: 50,
      attemptsPerHour: 5,
      minExpiryMs: 10_000,
      maxStopGapBps: 500,
      planned: STORIES.length,
      patient: [`key-${EXECUTED}`],
      beganAt: BEGAN_AT,
      healedAt: HEALED_AT,
      rested: true,
      recoveryMs: 1_000,
      secrets: [SECRET],
      accounts: [ACCOUNT],
    },
    history: [
      { kind: 'turn', experiment: 'F12', at: BEGAN_AT, what: 'began' },
      { kind: 'fault', experiment: 'F12', at: BEGAN_AT + 1, what: 'flushall', phase: 'once' },
    ],
    orders: [],
    transactions: [],
    conduit_sends: [],
    order_events: [],
    idempotency_keys: [],
    outbox: [],
    inbox: [],
    rate_observations: [],
    pauses: [],
    dead_letters: [],
    users: [{ userId: OWNER }],
    api_keys: [{ keyHash: 'h', prefix: SECRET.slice(0, 8) }],
    conduit_accounts: [{ accountId: ACCOUNT }],
    account_owners: ['vac_from', 'vac_to', ACCOUNT].map((accountId) => ({ accountId, userId: OWNER })),
    rate_baselines: [],
    provider_gate: [{ closedUntil: null }],
    ledger: [],
    requests: [],
    runs: [],
    other_runs: [{ workflowId: 'rate-watch-USD-EUR', runs: [watcherRun()] }],
    metrics: [{ name: 'api', text: 'nodejs_active_handles_total{service="api"} 12\n' }],
    handles: [{ name: 'api', openFiles: 35, sessions: 4 }],
    logs: { 'api-1.log': '{"level":"info"}\n' },
  };
  for (const story of STORIES) tell(folder, story);
  for (let tick = 0; tick < 30; tick += 1) {
    const atMs = BEGAN_AT + 500 + tick * 1_000;
    folder.requests.push({ atMs, operation: 'quotes.create', pair: 'USD-EUR', status: 201 });
    folder.rate_observations.push({ pair: 'USD-EUR', quoteId: `qte_tick${tick}`, observedAt: atMs + 20 });
  }
  return folder;
}

function watcherRun() {
  const events = [
    { eventId: '1', eventTime: new Date(BEGAN_AT).toISOString(), eventType: 'EVENT_TYPE_WORKFLOW_EXECUTION_STARTED' },
  ];
  return { runId: 'run-watch', status: 'RUNNING', closedAt: null, events };
}

/** Events that tell which attempt they are of. */
const OF_ATTEMPTS = /^(attempt_|execute)/;

function tell(folder: Folder, story: Story): void {
  const { orderId, direction, steps } = story;
  const at = (afterMs: number) => BEGAN_AT + story.placedAfterMs + afterMs;
  const [lastEvent = '', status = '', endedAfterMs = 0] = steps.at(-1) ?? [];
  const isRefused = steps.some(([event]) => event === 'cancel_refused');
  folder.orders.push({
    orderId,
    userId: OWNER,
    status,
    version: steps.length,
    pair: 'USD-EUR',
    amount: '100.00',
    targetRate: '0.92',
    direction,
    floorRate: direction === '<=' ? '0.874' : null,
    expiresAt: at(LIFE_MS),
    idempotencyKey: `key-${orderId}`,
    sourceAccount: 'vac_from',
    destinationAccount: 'vac_to',
    reason: null,
    cancelRefusedAt: isRefused ? at(2_000) : null,
    createdAt: at(0),
    closedAt: at(endedAfterMs),
  });
  folder.idempotency_keys.push({ userId: OWNER, key: `key-${orderId}`, orderId });
  steps.forEach(([event, to, afterMs, actor = 'workflow'], index) => {
    const rest = { reason: null, detail: {}, attempt: OF_ATTEMPTS.test(event) ? 1 : null, pages: [] };
    folder.order_events.push({
      orderId,
      number: index + 1,
      event,
      status: to,
      actor,
      occurredAt: at(afterMs),
      ...rest,
    });
    const payload = index === 0 ? { order_id: orderId } : { order_id: orderId, version: index + 1 };
    folder.outbox.push({
      topic: index === 0 ? 'order-checks' : 'order-changes',
      payload,
      publishedAt: at(afterMs) + 50,
    });
  });
  folder.runs.push({
    orderId,
    runs: [
      { runId: `run-${orderId}`, status: 'COMPLETED', closedAt: '2026-01-01T00:00:40Z', events: [endOfRun(status)] },
    ],
  });
  addCustomer(folder, story, status, at);
  if (lastEvent !== 'cancelled') addAttempt(folder, story, at);
}

function endOfRun(status: string) {
  const data = Buffer.from(JSON.stringify({ status, reason: null })).toString('base64');
  return {
    eventId: '9',
    eventTime: '2026-01-01T00:00:40Z',
    eventType: 'EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED',
    workflowExecutionCompletedEventAttributes: { result: { payloads: [{ data }] } },
  };
}

/** What the order's customer did and was told, and that a stranger was told nothing. */
function addCustomer(
  folder: Folder,
  { orderId, direction, steps }: Story,
  status: string,
  at: (ms: number) => number,
): void {
  const version = steps.length;
  const ask = (afterMs: number, call: Partial<ClientOperation>) =>
    folder.history.push({
      kind: 'operation',
      experiment: 'F12',
      client: `client-${orderId}`,
      userId: OWNER,
      operation: 'read',
      isForeign: false,
      beganAt: at(afterMs) - 30,
      endedAt: at(afterMs) + 30,
      status: 200,
      code: null,
      orderId,
      ...call,
    });
  const request = {
    from_currency: 'USD',
    from_network: null,
    to_currency: 'EUR',
    to_network: null,
    amount: '100.00',
    target_rate: '0.920',
    direction,
    user_id: OWNER,
    expires_at: new Date(at(LIFE_MS)).toISOString(),
  };
  const create = { operation: 'create', key: `key-${orderId}`, bodyNumber: 0, request } as const;
  ask(0, { ...create, status: 201, replayed: false, shown: { status: 'accepted', version: 1 } });
  ask(100, { ...create, replayed: true, shown: { status: 'accepted', version: 1 } });
  ask(200, { ...create, bodyNumber: 1, status: 422, code: 'idempotency_key_reused', orderId: null });
  ask(500, { shown: { status: 'watching', version: 2 } });
  ask(700, { userId: STRANGER, isForeign: true, client: 'stranger', status: 404, code: 'order_not_found' });
  if (status === 'cancelled') ask(4_000, { operation: 'cancel', shown: { status, version } });
  if (steps.some(([event]) => event === 'cancel_refused'))
    ask(2_000, { operation: 'cancel', status: 409, code: 'too_late', error: { code: 'too_late' } });
  ask(35_000, { shown: { status, version } });
}
