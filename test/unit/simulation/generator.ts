import fc from 'fast-check';
import type {
  Command,
  Deed,
  End,
  History,
  LockTwist,
  LookFault,
  QuoteFault,
  SendFault,
  Terms,
  When,
} from './history.ts';

/*
 * Random histories. What is drawn is biased towards where the protocol decides: rates at the target, times at the fence, faults in rows,
 * freezes about as long as a permit lives. Everything shrinks: a command may be left out, and each number goes towards nought.
 */

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const ms = (min: number, max: number) => fc.integer({ min, max });

function weighted<T>(...choices: [weight: number, arbitrary: fc.Arbitrary<T>][]): fc.Arbitrary<T> {
  return fc.oneof({ withCrossShrink: false }, ...choices.map(([weight, arbitrary]) => ({ weight, arbitrary })));
}

const when: fc.Arbitrary<When> = weighted<When>(
  [6, fc.constant({ kind: 'after', ms: 0 })],
  [3, ms(0, 3 * SECOND).map((value) => ({ kind: 'after', ms: value }))],
  [4, ms(3 * SECOND, 40 * SECOND).map((value) => ({ kind: 'after', ms: value }))],
  [3, ms(40 * SECOND, 6 * MINUTE).map((value) => ({ kind: 'after', ms: value }))],
  [1, ms(6 * MINUTE, 2 * HOUR).map((value) => ({ kind: 'after', ms: value }))],
  [
    2,
    fc
      .tuple(fc.constantFrom('fence', 'expiry'), ms(-40 * SECOND, 5 * SECOND))
      .map(([what, value]): When => ({ kind: 'around', what, ms: value })),
  ],
);

/** Refusals by every class of the tables, and words that prove nothing. */
const REFUSALS: readonly (readonly [status: number, code: string])[] = [
  [429, 'RATE_LIMITED'],
  [429, 'RATE_LIMITED'],
  [422, 'INSUFFICIENT_FUNDS'],
  [422, 'INSUFFICIENT_FUNDS'],
  [409, 'QUOTE_EXPIRED'],
  [404, 'QUOTE_NOT_FOUND'],
  [401, 'API_KEY_INVALID'],
  [403, 'FEATURE_NOT_ENABLED'],
  [422, 'DESTINATION_NOT_ACTIVATED'],
  [422, 'TRANSACTION_BLOCKED'],
  [409, 'IDEMPOTENCY_KEY_REQUEST_IN_PROGRESS'],
  [409, 'QUOTE_ALREADY_USED'],
  [409, 'ORDER_CANCEL_IN_PROGRESS'],
  [503, 'RATE_UNAVAILABLE'],
  [500, 'INTERNAL_ERROR'],
];

const retryAfter = weighted<number | null>(
  [2, fc.constant(null)],
  [3, ms(SECOND, 30 * SECOND)],
  [1, ms(30 * SECOND, 10 * MINUTE)],
);

const sendFault: fc.Arbitrary<SendFault> = weighted<SendFault>(
  [2, fc.constant({ kind: 'lost_request' })],
  [
    3,
    weighted([2, ms(0, 20 * SECOND)], [3, ms(20 * SECOND, 6 * MINUTE)]).map((value) => ({ kind: 'late', ms: value })),
  ],
  [3, fc.constant({ kind: 'lost_reply' })],
  [2, fc.constantFrom(200, 429, 500, 503).map((status) => ({ kind: 'garbled', status }))],
  [
    4,
    fc.tuple(fc.constantFrom(...REFUSALS), retryAfter).map(([[status, code], wait]) => {
      // On any other status the header says nothing of when to send again.
      const retryAfterMs = status === 429 || status === 503 ? wait : null;
      return { kind: 'refused', status, code, retryAfterMs };
    }),
  ],
  [1, fc.constant({ kind: 'not_connected' })],
);

const lookFault: fc.Arbitrary<LookFault> = weighted<LookFault>(
  [2, fc.constant({ kind: 'down' })],
  [
    4,
    weighted([1, ms(0, 30 * SECOND)], [1, ms(30 * SECOND, 10 * MINUTE)]).map((value) => ({ kind: 'lag', ms: value })),
  ],
  [1, ms(SECOND, MINUTE).map((retryAfterMs) => ({ kind: 'limited', retryAfterMs }))],
  [1, fc.constant({ kind: 'linked_unreadable' })],
);

const quoteFault: fc.Arbitrary<QuoteFault> = weighted<QuoteFault>(
  [2, fc.constant({ kind: 'down' })],
  [1, ms(SECOND, MINUTE).map((retryAfterMs) => ({ kind: 'limited', retryAfterMs }))],
  [1, fc.constant({ kind: 'refused', status: 422, code: 'AMOUNT_OUT_OF_RANGE' })],
  [1, fc.constant({ kind: 'refused', status: 403, code: 'API_KEY_READ_ONLY' })],
  [
    2,
    fc
      .constantFrom('zero', 'not_a_number', 'stale', 'other_assets', 'other_amount', 'absurd')
      .map((how): QuoteFault => ({ kind: 'bad', how })),
  ],
);

const lockTwist: fc.Arbitrary<LockTwist> = weighted<LockTwist>(
  [3, ms(1, 200).map((bps) => ({ kind: 'worse', bps }))],
  [1, ms(1, 900).map((bps) => ({ kind: 'better', bps }))],
  [1, fc.constantFrom('auto_execute', 'other_debit', 'other_account', 'other_assets').map((kind) => ({ kind }))],
);

const end: fc.Arbitrary<End> = weighted<End>(
  [1, fc.constant({ kind: 'succeeded' })],
  [
    4,
    fc
      .tuple(
        fc.constantFrom(
          'insufficient_funds',
          'provider_unavailable',
          'cancelled',
          'provider_rejected',
          'internal_error',
        ),
        fc.constantFrom(
          'none',
          'no_effect',
          'completed',
          'appears',
          'another_appears',
          'open_then_completed',
          'open_then_failed',
        ),
      )
      .map(([code, linked]): End => ({ kind: 'failed', code, linked })),
  ],
);

const seam = fc.constantFrom('begin', 'record', 'bytes', 'reply');

const freezeMs = weighted([2, ms(0, 5 * SECOND)], [2, ms(5 * SECOND, 2 * MINUTE)], [1, ms(2 * MINUTE, 10 * MINUTE)]);

/** Hundredths of a basis point from where the order is just met: it is (and not yet beyond the narrowest floor), it is not, and the edge. */
const met = ms(300, 4_500);
const missed = ms(-30_000, -100);
const offset = weighted([5, met], [3, missed], [2, ms(-20, 20)], [1, ms(4_500, 60_000)]);

type Weighted = [weight: number, arbitrary: fc.Arbitrary<Deed>];

/** What is laid in wait for the next requests. */
const ambushes: readonly Weighted[] = [
  [
    8,
    fc
      .tuple(
        fc.constantFrom('create', 'execute', 'execute', 'cancel'),
        fc.array(sendFault, { minLength: 1, maxLength: 4 }),
      )
      .map(([call, faults]): Deed => ({ kind: 'send_faults', call, faults })),
  ],
  [5, fc.tuple(lookFault, ms(1, 12)).map(([fault, count]) => ({ kind: 'look_faults', fault, count }))],
  [1, fc.tuple(quoteFault, ms(1, 3)).map(([fault, count]) => ({ kind: 'quote_faults', fault, count }))],
  [2, lockTwist.map((twist) => ({ kind: 'lock', twist }))],
  [3, fc.tuple(end, fc.boolean()).map(([how, isNow]) => ({ kind: 'ends', end: how, isNow }))],
  [4, fc.tuple(seam, freezeMs).map(([at, value]): Deed => ({ kind: 'freeze', at, ms: value }))],
  [2, seam.map((at) => ({ kind: 'crash', at }))],
];

const events: readonly Weighted[] = [
  [9, offset.map((value) => ({ kind: 'price', offset: value }))],
  [3, fc.constant({ kind: 'customer_cancels' })],
  [1, fc.constant({ kind: 'operator_cancels' })],
  [1, fc.constant({ kind: 'worker_dies' })],
  [1, ms(0, MINUTE).map((newAfterMs) => ({ kind: 'run_ends', newAfterMs }))],
  [2, fc.constant({ kind: 'pause' })],
  [1, fc.constant({ kind: 'resume' })],
  [1, fc.boolean().map((isActive) => ({ kind: 'account', isActive }))],
  [1, fc.boolean().map((areThere) => ({ kind: 'funds', areThere }))],
  [1, fc.constant({ kind: 'others_cancel' })],
  [1, fc.constant({ kind: 'webhook' })],
];

const at0 = { kind: 'after', ms: 0 } as const;

/** Histories begin with what lies in wait and with the rate that sets it off: left to chance, most orders would be done unharmed. */
function commandsOf(deed: fc.Arbitrary<Deed>): fc.Arbitrary<Command[]> {
  return fc
    .tuple(
      fc.array(weighted(...ambushes), { maxLength: 5, size: 'max' }),
      fc.option(met, { freq: 4 }),
      fc.array(fc.record({ when, deed }, { noNullPrototype: true }), { maxLength: 16, size: 'max' }),
      ms(0, 10 * MINUTE),
    )
    .map(([ambush, rate, rest, restMs]) => [
      ...ambush.map((laid) => ({ when: at0, deed: laid })),
      ...(rate === null ? [] : [{ when: at0, deed: { kind: 'price', offset: rate } as const }]),
      ...rest,
      // After the last command all is well: what lies in wait has its time until then.
      { when: { kind: 'after', ms: restMs }, deed: { kind: 'webhook' } } as const,
    ]);
}

const terms: fc.Arbitrary<Terms> = fc.record(
  {
    direction: fc.constantFrom('>=', '<='),
    amount: fc.constantFrom('20', '20.00', '1000', '9422407.948647', '50.5', '999999.999999'),
    targetRate: fc.constantFrom('0.92', '0.9177', '1', '1.0834000001', '0.387065989244999765', '12.5'),
    floorGapBps: fc.constantFrom(50, 200, 500),
    expiresInMs: weighted(
      [4, ms(2 * MINUTE, 10 * MINUTE)],
      [4, ms(10 * MINUTE, 2 * HOUR)],
      [1, ms(2 * HOUR, 2 * DAY)],
      [1, ms(2 * DAY, 90 * DAY)],
    ),
    rateOffset: weighted([1, met], [4, missed]),
    destinationFee: weighted([3, fc.constant('0')], [1, fc.constant('0.05')]),
    conduit: fc.record(
      {
        latencyMs: weighted([4, ms(5, 300)], [1, ms(300, 6 * SECOND)]),
        optionTtlMs: weighted([4, fc.constant(5 * MINUTE)], [1, ms(MINUTE, 30 * MINUTE)]),
        lockTtlMs: weighted([3, fc.constant(2 * HOUR)], [2, ms(MINUTE, 20 * MINUTE)]),
        keyWindowMs: fc.constantFrom(5 * SECOND, 5 * MINUTE, 30 * DAY),
        skewMs: weighted([1, fc.constant(0)], [1, ms(-3 * SECOND, 3 * SECOND)]),
        settleMs: weighted(
          [3, ms(SECOND, 20 * SECOND)],
          [2, ms(20 * SECOND, 10 * MINUTE)],
          [1, ms(10 * MINUTE, 4 * HOUR)],
        ),
        duplicates: weighted([4, fc.constant('refused')], [1, fc.constant('made')]),
        duplicateCode: fc.constantFrom('QUOTE_ALREADY_USED', 'CONFLICT', 'DUPLICATE_CLIENT_REFERENCE_ID'),
        printsGross: fc.boolean(),
      },
      { noNullPrototype: true },
    ),
  },
  { noNullPrototype: true },
) as fc.Arbitrary<Terms>;

const own = weighted(...ambushes, ...events);
const foreign = fc.constant<Deed>({ kind: 'others_claim' });

function historiesOf(deed: fc.Arbitrary<Deed>): fc.Arbitrary<History> {
  return fc.record({ terms, commands: commandsOf(deed) }, { noNullPrototype: true });
}

/** Somebody else who executes what we created is rare: most laws say nothing of a history with one. */
export const histories = historiesOf(weighted<Deed>([60, own], [1, foreign]));

/** Many of these have one, for whom there is time: while funds are missing, an order that we created stays unclaimed. */
export const foreignHistories = historiesOf(
  weighted<Deed>(
    [4, own],
    [2, foreign],
    [1, fc.constant({ kind: 'funds', areThere: false })],
    [1, fc.tuple(lookFault, ms(1, 12)).map(([fault, count]) => ({ kind: 'look_faults', fault, count }))],
  ),
);
