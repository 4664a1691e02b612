// I13: how much was asked of the provider.
import { describe } from '@jest/globals';
import { BEGAN_AT, EXECUTED } from './clean-folder.ts';
import { type Folder, the } from './folder.ts';
import { each } from './spoiled.ts';

const QUOTES = 'quotes.create';
const quote = (atMs: number) => ({ atMs, operation: QUOTES, pair: 'USD-EUR', status: 201 });
const times = <T>(count: number, of: (index: number) => T) => Array.from({ length: count }, (_, index) => of(index));

describe('I13: bounded effort', () => {
  const LIMITED = BEGAN_AT + 50_000;
  const limit = (folder: Folder) =>
    folder.requests.push({ atMs: LIMITED, operation: 'orders.get', status: 429, retryAfter: '3' });
  const call = (folder: Folder, afterMs: number) =>
    folder.requests.push({ atMs: LIMITED + afterMs, operation: 'orders.get', status: 200 });
  each([
    [
      'an order is looked up without end',
      (folder) => {
        const reference = `${EXECUTED}:g1`;
        folder.requests.push(
          ...times(100, (n) => ({ atMs: BEGAN_AT + 2_000 + n * 300, operation: 'orders.get', reference })),
        );
      },
      /^I13 executed: 103 calls for one order, 32 at most were due$/,
    ],
    [
      'an order that ended early has no longer budget for it',
      (folder) => {
        const reference = `${EXECUTED}:g1`;
        // As many as its orphan was allowed, had it lived as long as the run.
        folder.requests.push(
          ...times(40, (n) => ({ atMs: BEGAN_AT + 2_000 + n * 1_000, operation: 'orders.get', reference })),
        );
      },
      /^I13 executed: 43 calls for one order, 32 at most were due$/,
    ],
    [
      'one whose orphan is followed that long has',
      (folder) => {
        const attempt = the(folder.transactions, (it) => it.orderId === EXECUTED);
        Object.assign(attempt, { orphanUntil: BEGAN_AT + 40_000, orphanClosedAt: BEGAN_AT + 40_000 });
        const reference = `${EXECUTED}:g1`;
        folder.requests.push(
          ...times(40, (n) => ({ atMs: BEGAN_AT + 2_000 + n * 900, operation: 'orders.get', reference })),
        );
      },
    ],
    [
      'more calls at a time than the workers allow themselves',
      (folder) => {
        folder.requests.push(...times(1_001, (n) => ({ atMs: BEGAN_AT + 50_000 + n, operation: 'accounts.get' })));
      },
      /^I13 -: more than 1000 calls within 10 s of /,
    ],
    [
      'as many, but not at once',
      (folder) => {
        folder.requests.push(...times(1_001, (n) => ({ atMs: BEGAN_AT + 50_000 + n * 11, operation: 'accounts.get' })));
      },
    ],
    [
      'a call before the end of a Retry-After',
      (folder) => {
        limit(folder);
        call(folder, 1_001);
        call(folder, 2_999);
      },
      /^I13 -: 2 calls before the end of a Retry-After of 3 s, first orders.get after 1001 ms$/,
    ],
    [
      'what was under way when the 429 was answered, and what came after its end',
      (folder) => {
        limit(folder);
        call(folder, 1_000);
        call(folder, 3_000);
      },
    ],
    [
      'a 429 whose reader was struck could be heard by nobody',
      (folder) => {
        limit(folder);
        call(folder, 1_500);
        folder.history.push({ kind: 'fault', experiment: 'F45', at: LIMITED + 10, what: 'kill', phase: 'once' });
      },
    ],
    [
      'what troubles no process of ours excuses nothing',
      (folder) => {
        limit(folder);
        call(folder, 1_500);
        folder.history.push({ kind: 'fault', experiment: 'F12', at: LIMITED + 10, what: 'flushall', phase: 'once' });
      },
      /^I13 -: 1 calls before the end of a Retry-After of 3 s/,
    ],
    [
      'a strike long before excuses nothing',
      (folder) => {
        limit(folder);
        call(folder, 1_500);
        folder.history.push({ kind: 'fault', experiment: 'F45', at: LIMITED - 5_001, what: 'kill', phase: 'once' });
      },
      /^I13 -: 1 calls before the end of a Retry-After of 3 s/,
    ],
    [
      'the strike that made the 429 excuses nothing',
      (folder) => {
        limit(folder);
        call(folder, 1_500);
        const detail = { action: { rateLimited: {} } };
        folder.history.push({
          kind: 'fault',
          experiment: 'F23',
          at: LIMITED,
          what: 'rateLimited',
          phase: 'once',
          detail,
        });
      },
      /^I13 -: 1 calls before the end of a Retry-After of 3 s/,
    ],
  ]);
});

describe('I13: one quote an interval', () => {
  each([
    [
      'a pair is watched more often than once an interval',
      (folder) => {
        folder.rate_observations.push(
          ...times(3, (n) => ({ pair: 'USD-EUR', observedAt: BEGAN_AT + 5_100 + n * 100 })),
        );
      },
      /^I13 -: 33 quotes watched USD-EUR, 32 were due$/,
    ],
    [
      'a worker that dies may leave one tick more',
      (folder) => {
        folder.rate_observations.push(
          ...times(3, (n) => ({ pair: 'USD-EUR', observedAt: BEGAN_AT + 5_100 + n * 100 })),
        );
        const strike = { kind: 'fault', experiment: 'F01', at: BEGAN_AT, what: 'kill' } as const;
        folder.history.push({ ...strike, phase: 'begin' });
      },
    ],
    [
      'one that dies in another time leaves none more in this',
      (folder) => {
        folder.rate_observations.push(
          ...times(3, (n) => ({ pair: 'USD-EUR', observedAt: BEGAN_AT + 5_100 + n * 100 })),
        );
        const strike = { kind: 'fault', experiment: 'F01', what: 'kill', phase: 'once' } as const;
        folder.history.push({ ...strike, at: BEGAN_AT - 5_000 }, { ...strike, at: BEGAN_AT + 60_000 });
      },
      /^I13 -: 33 quotes watched USD-EUR, 32 were due$/,
    ],
    [
      'what is not due in half a minute is not made up for by an idle hour',
      (folder) => {
        folder.rate_observations.push(
          { pair: 'USD-EUR', observedAt: BEGAN_AT + 3_600_000 },
          ...times(3, (n) => ({ pair: 'USD-EUR', observedAt: BEGAN_AT + 5_100 + n * 100 })),
        );
      },
      /^I13 -: 33 quotes watched USD-EUR, 32 were due$/,
    ],
    [
      'its return is no second strike',
      (folder) => {
        folder.rate_observations.push(
          ...times(3, (n) => ({ pair: 'USD-EUR', observedAt: BEGAN_AT + 5_100 + n * 100 })),
        );
        folder.history.push({ kind: 'fault', experiment: 'F01', at: BEGAN_AT, what: 'kill', phase: 'end' });
      },
      /^I13 -: 33 quotes watched USD-EUR, 32 were due$/,
    ],
    [
      'an order looks more often than once an interval',
      (folder) => {
        const look = the(folder.order_events, (it) => it.orderId === EXECUTED && it.event === 'attempt_prepared');
        // They stand for looks of a run that kept no other trace.
        const looks = times(4, (n) => ({ ...look, number: 3, event: 'looked', occurredAt: look.occurredAt + n }));
        folder.order_events.push(...looks);
      },
      /^I11 executed: its events are numbered 1 2 3 3 3 3 3 4 5 6 7$/,
      /^I13 executed: it was looked at 5 times, 3 were due$/,
    ],
    [
      'more quotes than anybody had reason to ask for',
      (folder) => {
        folder.requests.push(...times(100, (n) => quote(BEGAN_AT + 5_000 + n * 200)));
      },
      /^I13 -: 133 quotes, 52 at most were due$/,
    ],
    [
      'the guard asks again where a rate jumped',
      (folder) => {
        folder.requests.push(...times(100, (n) => quote(BEGAN_AT + 5_000 + n * 200)));
        alertOfGuard(folder, 100);
      },
    ],
  ]);
});

/** So many quotes for an amount, which the provider has made. */
const quoted = (folder: Folder, amount: string, count: number) =>
  folder.ledger.push(
    ...times(count, (n) => ({
      seq: 500 + n,
      at: new Date(BEGAN_AT + 5_000 + n).toISOString(),
      event: 'quote.created',
      options: [{ id: `qop_${n}`, expiresAt: '2026-01-01T00:01:00Z', priced: { totalDebit: { amount } } }],
    })),
  );

const alertOfGuard = (folder: Folder, count: number) => {
  const alert = { time: new Date(BEGAN_AT + 5_000).toISOString(), event: 'alert', alert: 'rate_suspect' };
  folder.logs['worker1-2.log'] = `${JSON.stringify(alert)}\n`.repeat(count);
};

const armed = (folder: Folder, ...rules: object[]) =>
  folder.ledger.push({
    seq: 400,
    at: new Date(BEGAN_AT).toISOString(),
    event: 'control.used',
    what: 'POST /_sim/faults',
    with: rules,
  });

describe('I13: every quote has a reason', () => {
  const TOO_MANY = /^I13 -: 33 quotes were for no look and no creation, 32 were due$/;
  each([
    ['as many as were observed, and two ticks that were not', (folder) => quoted(folder, '7', 32)],
    ['one more', (folder) => quoted(folder, '7.00', 33), TOO_MANY],
    [
      "of an order's amount its looks, its creation and its end are reasons besides",
      (folder) => {
        // Twelve creates, eight looks, ends and refused cancels; three of the quotes are there already.
        quoted(folder, '100', 32 + 12 + 8 - 3);
      },
    ],
    ['and no more', (folder) => quoted(folder, '100', 33 + 12 + 8 - 3), TOO_MANY],
    [
      'the guard asks again, and says so',
      (folder) => {
        quoted(folder, '7', 33);
        alertOfGuard(folder, 1);
      },
    ],
    [
      'who was struck may have asked in vain',
      (folder) => {
        quoted(folder, '7', 33);
        folder.history.push({ kind: 'fault', experiment: 'F01', at: BEGAN_AT, what: 'kill', phase: 'once' });
      },
    ],
    [
      'a quote that was tampered with may be no observation',
      (folder) => {
        quoted(folder, '7', 33);
        armed(folder, { match: { operation: ['orders.get'] } }, { match: { probability: 0.2 } });
      },
    ],
    [
      'rules that no quote can meet hide nothing',
      (folder) => {
        quoted(folder, '7', 33);
        armed(folder, { match: { operation: ['orders.get'] } });
      },
      TOO_MANY,
    ],
  ]);
});
