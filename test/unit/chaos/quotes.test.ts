// I13: when quotes are asked for, and what each was for.
import { describe } from '@jest/globals';
import { BEGAN_AT, EXECUTED, OWNER } from './clean-folder.ts';
import { type Folder, the } from './folder.ts';
import { each } from './spoiled.ts';

const QUOTES = 'quotes.create';
const quote = (atMs: number) => ({ atMs, operation: QUOTES, pair: 'USD-EUR', status: 201 });
const observed = (observedAt: number) => ({ pair: 'USD-EUR', quoteId: 'qte_more', observedAt });
const times = <T>(count: number, of: (index: number) => T) => Array.from({ length: count }, (_, index) => of(index));

describe('I13: one quote an interval', () => {
  each([
    [
      'a pair is watched more often than once an interval',
      (folder) => {
        folder.rate_observations.push(...times(3, (n) => observed(BEGAN_AT + 5_100 + n * 100)));
      },
      /^I13 -: 33 quotes watched USD-EUR, 32 were due$/,
    ],
    [
      'a worker that dies may leave one tick more',
      (folder) => {
        folder.rate_observations.push(...times(3, (n) => observed(BEGAN_AT + 5_100 + n * 100)));
        const strike = { kind: 'fault', experiment: 'F01', at: BEGAN_AT, what: 'kill' } as const;
        folder.history.push({ ...strike, phase: 'begin' });
      },
    ],
    [
      'one that dies in another time leaves none more in this',
      (folder) => {
        folder.rate_observations.push(...times(3, (n) => observed(BEGAN_AT + 5_100 + n * 100)));
        const strike = { kind: 'fault', experiment: 'F01', what: 'kill', phase: 'once' } as const;
        folder.history.push({ ...strike, at: BEGAN_AT - 5_000 }, { ...strike, at: BEGAN_AT + 60_000 });
      },
      /^I13 -: 33 quotes watched USD-EUR, 32 were due$/,
    ],
    [
      'what is not due in half a minute is not made up for by an idle hour',
      (folder) => {
        folder.rate_observations.push(
          observed(BEGAN_AT + 3_600_000),
          ...times(3, (n) => observed(BEGAN_AT + 5_100 + n * 100)),
        );
      },
      /^I13 -: 33 quotes watched USD-EUR, 32 were due$/,
    ],
    [
      'its return is no second strike',
      (folder) => {
        folder.rate_observations.push(...times(3, (n) => observed(BEGAN_AT + 5_100 + n * 100)));
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
      'more quotes than anybody had reason to ask for, where they were tampered with',
      (folder) => {
        armed(folder, { match: { operation: QUOTES } });
        folder.requests.push(...times(100, (n) => quote(BEGAN_AT + 5_000 + n * 200)));
      },
      /^I13 -: 133 quotes, 52 at most were due$/,
    ],
    [
      'the guard asks again where a rate jumped',
      (folder) => {
        armed(folder, { match: { operation: QUOTES } });
        folder.requests.push(...times(100, (n) => quote(BEGAN_AT + 5_000 + n * 200)));
        alertOfGuard(folder, 100);
      },
    ],
  ]);
});

/** Quotes for an amount that the provider has made, under these ids. */
const quoted = (folder: Folder, amount: string, ids: readonly string[], atMs = BEGAN_AT + 5_000) =>
  folder.ledger.push(
    ...ids.map((quoteId, n) => ({
      seq: 500 + n,
      at: new Date(atMs).toISOString(),
      event: 'quote.created',
      quoteId,
      options: [{ id: `qop_${n}`, expiresAt: '2026-01-01T00:01:00Z', priced: { totalDebit: { amount } } }],
    })),
  );

const alertOfGuard = (folder: Folder, count: number) => {
  const alert = { time: new Date(BEGAN_AT + 5_000).toISOString(), event: 'alert', alert: 'rate_suspect' };
  folder.logs['worker1-2.log'] = `${JSON.stringify(alert)}\n`.repeat(count);
};

const used = (folder: Folder, what: string, body: unknown) =>
  folder.ledger.push({ seq: 400, at: new Date(BEGAN_AT).toISOString(), event: 'control.used', what, with: body });
const armed = (folder: Folder, ...rules: object[]) => used(folder, 'POST /_sim/faults', rules);
const knob = (folder: Folder, knobs: object) => used(folder, 'PATCH /_sim/knobs', knobs);

const create = (atMs: number, answer: { status: number | null }) => ({
  kind: 'operation' as const,
  experiment: 'F12',
  client: 'client',
  userId: OWNER,
  operation: 'create' as const,
  isForeign: false,
  beganAt: atMs - 30,
  endedAt: atMs + 30,
  code: null,
  orderId: null,
  request: { amount: '7.00' },
  ...answer,
});

const vain = (count: number) =>
  new RegExp(`^I13 -: ${count} quotes were for no look, creation or tick, the first of 7 `);

describe('I13: every quote has a reason', () => {
  each([
    ['one that nobody names', (folder) => quoted(folder, '7.00', ['qte_vain']), vain(1)],
    [
      "a tick's, a look's, a creation's, an attempt's",
      (folder) => {
        const [look, creation] = folder.order_events;
        Object.assign(look ?? {}, { detail: { quote: 'qte_look' } });
        Object.assign(creation ?? {}, { detail: { quote_id: 'qte_creation' } });
        quoted(folder, '7', ['qte_tick3', 'qte_look', 'qte_creation', 'qte_ord_1']);
      },
    ],
    [
      'a second one for a look',
      (folder) => {
        Object.assign(
          the(folder.order_events, (it) => it.orderId === EXECUTED && it.number === 3),
          { detail: { quote: 'qte_look' } },
        );
        quoted(folder, '7', ['qte_look', 'qte_again']);
      },
      vain(1),
    ],
    [
      'the guard asks again, and says so; once',
      (folder) => {
        quoted(folder, '7', ['qte_again', 'qte_once_more']);
        alertOfGuard(folder, 1);
      },
      vain(1),
    ],
    [
      'a creation that came to nothing has asked once',
      (folder) => {
        quoted(folder, '7', ['qte_refused', 'qte_again']);
        folder.history.push(create(BEGAN_AT + 5_000, { status: 503 }));
      },
      vain(1),
    ],
    [
      'and so has the second of two at once',
      (folder) => {
        const again = the(
          folder.history,
          (it) => it.kind === 'operation' && it.replayed === true && it.orderId === EXECUTED,
        );
        quoted(folder, '100', ['qte_refused'], 'beganAt' in again ? again.beganAt : 0);
      },
    ],
    [
      'one of another amount, or of another time, has not',
      (folder) => {
        quoted(folder, '7.01', ['qte_other']);
        quoted(folder, '7', ['qte_late'], BEGAN_AT + 20_000);
        folder.history.push(create(BEGAN_AT + 5_000, { status: 503 }), create(BEGAN_AT + 21_000, { status: 503 }));
      },
      /^I13 -: 2 quotes were for no look, creation or tick, the first of 7.01 /,
    ],
    [
      'a look whose order was cancelled meanwhile is not written down',
      (folder) => {
        const { occurredAt } = the(folder.order_events, ({ event }) => event === 'cancelled');
        quoted(folder, '100', ['qte_look'], occurredAt - 100);
      },
    ],
    [
      'nor one that had read the row before, and asked after',
      (folder) => {
        const { occurredAt } = the(folder.order_events, ({ event }) => event === 'cancelled');
        quoted(folder, '100', ['qte_look'], occurredAt + 2_000);
      },
    ],
  ]);
});

const looked = (folder: Folder, quote: string) => {
  const look = the(folder.order_events, (it) => it.orderId === EXECUTED && it.number === 3);
  Object.assign(look, { event: 'looked', detail: { quote } });
  return look.occurredAt - 100;
};
const ofHundred = /^I13 -: 1 quotes were for no look, creation or tick, the first of 100 /;

describe('I13: what a quote may have come to nothing by', () => {
  each([
    [
      'a look that could not use its quote says why in its place; long before it excuses nothing',
      (folder) => {
        const at = looked(folder, 'paused:v2');
        quoted(folder, '100', ['qte_unused'], at);
        quoted(folder, '100', ['qte_early'], BEGAN_AT - 10_000);
      },
      ofHundred,
    ],
    [
      'what is asked for in an outage may never be heard, and what is asked for before it may',
      (folder) => {
        const part = { kind: 'fault', experiment: 'F38', what: 'replies are lost' } as const;
        const from = BEGAN_AT + 60_000;
        folder.history.push({ ...part, at: from, phase: 'begin' }, { ...part, at: from + 30_000, phase: 'end' });
        quoted(folder, '7', ['qte_1', 'qte_2', 'qte_3', 'qte_4', 'qte_5', 'qte_6'], from + 15_000);
        quoted(folder, '7', ['qte_7'], from - 10_000);
      },
      vain(1),
    ],
    [
      'nor are the three that somebody had under way when he was struck',
      (folder) => {
        quoted(folder, '7', ['qte_1', 'qte_2', 'qte_3', 'qte_4']);
        folder.history.push({ kind: 'fault', experiment: 'F01', at: BEGAN_AT + 6_000, what: 'kill', phase: 'once' });
      },
      vain(1),
    ],
    [
      'and when he was ended, whatever that is called',
      (folder) => {
        quoted(folder, '7', ['qte_1', 'qte_2', 'qte_3', 'qte_4']);
        const detail = { name: 'worker1', pid: 7, code: null, signal: 'SIGKILL', isAsked: true };
        folder.history.push({ kind: 'system', at: BEGAN_AT + 6_000, what: 'process.ended', detail });
      },
      vain(1),
    ],
    [
      'what befalls others is no excuse',
      (folder) => {
        quoted(folder, '7', ['qte_1']);
        folder.history.push({
          kind: 'fault',
          experiment: 'F12',
          at: BEGAN_AT + 6_000,
          what: 'flushall',
          phase: 'once',
        });
      },
      vain(1),
    ],
    [
      'what was asked for when the evidence was taken, of each pair once',
      (folder) => {
        quoted(folder, '7', ['qte_1', 'qte_2'], BEGAN_AT + 60_000);
      },
      vain(1),
    ],
    [
      'a quote that was tampered with may be no observation',
      (folder) => {
        quoted(folder, '7', ['qte_vain']);
        armed(folder, { match: { operation: ['orders.get'] } }, { match: { probability: 0.2 } });
      },
    ],
    [
      'nor one under another time',
      (folder) => {
        quoted(folder, '7', ['qte_vain']);
        knob(folder, { dateSkewMs: 2_500 });
      },
    ],
    [
      'knobs that leave the time alone hide nothing',
      (folder) => {
        quoted(folder, '7', ['qte_vain']);
        knob(folder, { dateSkewMs: 0, settlementHeld: true });
      },
      vain(1),
    ],
    [
      'rules that no quote can meet hide nothing',
      (folder) => {
        quoted(folder, '7', ['qte_vain']);
        armed(folder, { match: { operation: ['orders.get'] } });
      },
      vain(1),
    ],
  ]);
});
