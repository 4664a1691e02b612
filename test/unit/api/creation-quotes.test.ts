import { expect, test } from '@jest/globals';
import { createCreationQuotes, type QuoteWish } from '../../../src/api/creation-quotes.ts';
import type { QuoteReply } from '../../../src/clients/conduit/client.ts';
import type { QuoteRequest } from '../../../src/domain/quote.ts';

const USD = { currency: 'USD', network: null } as const;
const EUR = { currency: 'EUR', network: null } as const;
const wish = (amount: string, fields: Partial<QuoteWish> = {}): QuoteWish => ({
  pair: 'USD-EUR',
  from: USD,
  to: EUR,
  amount,
  gateClosedForMs: null,
  mayBorrow: true,
  ...fields,
});

function quoted({ amount }: QuoteRequest): QuoteReply {
  const usd = { currency: 'USD', network: null, amount };
  const eur = { currency: 'EUR', network: null, amount };
  const option = {
    quoteId: `qte_${amount}`,
    optionId: 'qop_1',
    createdAt: Date.now(),
    expiresAt: Date.now() + 300_000,
    echo: { lockSide: null, amount: null, from: null, to: null },
    referenceRate: '1',
    endUserRate: '1',
    spreadBps: '0',
    fees: [],
    sourceAmount: usd,
    destinationAmount: eur,
    recipientAmount: eur,
    totalDebit: usd,
  };
  return { kind: 'quoted', serverDate: null, options: [option] };
}

function source({ rateRefreshMs = 60_000, lastGood = null as string | null, now = () => Date.now() } = {}) {
  const asked: string[] = [];
  const closed: number[] = [];
  const waiting: (() => void)[] = [];
  const state = { reply: null as QuoteReply | null, isHeld: false };
  const quoteFor = createCreationQuotes({
    rateRefreshMs,
    lastGoodRate: async () => lastGood,
    now,
    sanity: { jumpFactor: '1.2', absurdFactor: '10' },
    closeGate: async (forMs) => {
      closed.push(forMs);
    },
    async requestQuote(request) {
      asked.push(request.amount);
      if (state.isHeld) await new Promise<void>((resolve) => waiting.push(resolve));
      return state.reply ?? quoted(request);
    },
  });
  const release = () => {
    for (const resolve of waiting.splice(0)) resolve();
  };
  return { asked, closed, state, quoteFor, release };
}

test('a quote serves amounts within a factor of two, and no others', async () => {
  const { asked, quoteFor } = source();
  expect(await quoteFor(wish('100'))).toMatchObject({ kind: 'quoted', isOwn: true });
  for (const near of ['50', '100.00', '200', '133.7']) {
    expect(await quoteFor(wish(near))).toMatchObject({ isOwn: false, reading: { quoteId: 'qte_100' } });
  }
  expect(asked).toEqual(['100']);
  for (const far of ['49.99', '200.01']) expect(await quoteFor(wish(far))).toMatchObject({ isOwn: true });
  expect(asked).toEqual(['100', '49.99', '200.01']);
});

test('a quote is kept for one interval', async () => {
  const { asked, quoteFor } = source({ rateRefreshMs: 0 });
  await quoteFor(wish('100'));
  await new Promise((resolve) => setTimeout(resolve, 2));
  await quoteFor(wish('100'));
  expect(asked).toEqual(['100', '100']);
});

test('one that may not be borrowed is asked for, even when there is one', async () => {
  const { asked, quoteFor } = source();
  await quoteFor(wish('100'));
  expect(await quoteFor(wish('100', { mayBorrow: false }))).toMatchObject({ isOwn: true });
  expect(asked).toEqual(['100', '100']);
});

test('who comes while a quote is under way waits for it', async () => {
  const { asked, state, quoteFor, release } = source();
  state.isHeld = true;
  const waiting = ['100', '120', '100', '60'].map((amount) => quoteFor(wish(amount)));
  release();
  const quotes = await Promise.all(waiting);
  expect(quotes.map((quote) => quote.kind === 'quoted' && quote.isOwn)).toEqual([true, false, true, false]);
  expect(asked).toEqual(['100']);
});

test('an outage is shared by those who wait; a refusal only by those of the same amount', async () => {
  const { asked, state, quoteFor, release } = source();
  state.isHeld = true;
  state.reply = { kind: 'unavailable', code: 'TIMEOUT' };
  const away = [quoteFor(wish('100')), quoteFor(wish('120'))];
  release();
  expect(await Promise.all(away)).toEqual(Array(2).fill({ kind: 'unavailable', code: 'TIMEOUT' }));
  expect(asked).toEqual(['100']);

  state.reply = { kind: 'refused', cls: 'final', status: 422, code: 'AMOUNT_OUT_OF_RANGE' };
  const refused = [quoteFor(wish('100')), quoteFor(wish('100')), quoteFor(wish('120'))];
  release();
  await Promise.resolve();
  const released = setInterval(release, 1);
  expect((await Promise.all(refused)).map(({ kind }) => kind)).toEqual(Array(3).fill('refused'));
  clearInterval(released);
  expect(asked).toEqual(['100', '100', '120']);
});

test('while the gate is closed nobody is asked, but a kept quote still serves', async () => {
  const { asked, quoteFor } = source();
  await quoteFor(wish('100'));
  expect(await quoteFor(wish('110', { gateClosedForMs: 5_000 }))).toMatchObject({ kind: 'quoted' });
  expect(await quoteFor(wish('500', { gateClosedForMs: 5_000 }))).toEqual({
    kind: 'rate_limited',
    retryAfterMs: 5_000,
  });
  expect(asked).toEqual(['100']);
});

test('a 429 closes the gate for everybody', async () => {
  const { closed, state, quoteFor } = source();
  state.reply = { kind: 'rate_limited', retryAfterMs: 7_000 };
  expect(await quoteFor(wish('100'))).toEqual({ kind: 'rate_limited', retryAfterMs: 7_000 });
  expect(closed).toEqual([7_000]);
});

test.each([
  ['10', 'quoted'],
  ['0.1', 'quoted'],
  ['10.000000001', 'unusable'],
  ['0.099999999', 'unusable'],
])('a quote at 1 beside a last good rate of %s is %s', async (lastGood, kind) => {
  expect((await source({ lastGood }).quoteFor(wish('100'))).kind).toBe(kind);
});

test('an absurd quote is nobody’s: the next order asks again', async () => {
  const { asked, quoteFor } = source({ lastGood: '1000000000' });
  expect(await quoteFor(wish('100'))).toEqual({ kind: 'unusable', fault: 'absurd_rate' });
  expect(await quoteFor(wish('100'))).toEqual({ kind: 'unusable', fault: 'absurd_rate' });
  expect(asked).toEqual(['100', '100']);
});

test("a quote without Conduit's own time is dated by the given clock, never by this machine's", async () => {
  const inTenMinutes = source({ now: () => Date.now() + 600_000 });
  expect(await inTenMinutes.quoteFor(wish('100'))).toEqual({ kind: 'unusable', fault: 'stale' });
});
