// I4: when.
import { describe, expect, test } from '@jest/globals';
import { BEGAN_AT, cleanFolder } from './clean-folder.ts';
import { attemptOf, factOf, heldBy, REFERENCE, sendOf } from './facts.ts';
import { type Folder, judged, the } from './folder.ts';
import { type Case, each } from './spoiled.ts';

const answersTo = (folder: Folder, operation: string) =>
  folder.ledger.filter((it) => it.operation === `orders.${operation}` && it.reference === REFERENCE);

const EXPIRY = BEGAN_AT + 31_000;
const iso = (ms: number) => new Date(ms).toISOString();
const given = (folder: Folder, permittedAt: number, outcome: string | null, repliedAt: number | null) =>
  Object.assign(sendOf(folder, 'execute'), { permittedAt, outcome, repliedAt });

describe('I4: what was given up long before', () => {
  const lateBy = (folder: Folder) => {
    const { violations, deliveredLate } = judged(folder);
    return [violations.filter(({ invariant }) => invariant === 'I4').length, deliveredLate];
  };

  test('a network that delivers it after the expiry is counted apart', () => {
    const folder = cleanFolder();
    for (const fact of answersTo(folder, 'execute')) fact.at = iso(EXPIRY);
    given(folder, EXPIRY - 11_001, 'unknown', EXPIRY - 10_001);
    expect(lateBy(folder)).toEqual([0, 1]);
  });

  test('also where nobody was left to give it up', () => {
    const folder = cleanFolder();
    for (const fact of answersTo(folder, 'execute')) fact.at = iso(EXPIRY);
    given(folder, EXPIRY - 13_001, null, null);
    expect(lateBy(folder)).toEqual([0, 1]);
  });
});

const IN_TIME: readonly Case[] = [
  [
    'an execute takes effect after the expiry',
    (folder) => {
      for (const fact of answersTo(folder, 'execute')) fact.at = iso(EXPIRY + 40);
      sendOf(folder, 'execute').permittedAt = EXPIRY - 4_001;
    },
    /^I4 executed: orders.execute took effect 40 ms after the expiry$/,
  ],
  [
    'a create takes effect at the expiry',
    (folder) => {
      for (const fact of answersTo(folder, 'create')) fact.at = iso(EXPIRY);
      sendOf(folder, 'create').permittedAt = EXPIRY - 4_001;
    },
    /^I4 executed: orders.create took effect 0 ms after the expiry$/,
  ],
  [
    'what was accepted we never gave up, however early its permit',
    (folder) => {
      for (const fact of answersTo(folder, 'execute')) fact.at = iso(EXPIRY + 40);
    },
    /^I4 executed: orders.execute took effect 40 ms after the expiry$/,
  ],
  [
    'a permit in time excuses nothing that arrives late',
    (folder) => {
      for (const fact of answersTo(folder, 'execute')) fact.at = iso(EXPIRY);
      // Six seconds and a moment before: the margin.
      given(folder, EXPIRY - 6_001, 'unknown', EXPIRY - 5_000);
    },
    /^I4 executed: orders.execute took effect 0 ms after the expiry$/,
  ],
  [
    'nor that its reply was given up ten seconds before, to the millisecond',
    (folder) => {
      for (const fact of answersTo(folder, 'execute')) fact.at = iso(EXPIRY);
      given(folder, EXPIRY - 11_000, 'unknown', EXPIRY - 10_000);
    },
    /^I4 executed: orders.execute took effect 0 ms after the expiry$/,
  ],
  [
    'of a sender that died nobody knows an end: it may have sent at the last moment',
    (folder) => {
      for (const fact of answersTo(folder, 'execute')) fact.at = iso(EXPIRY);
      given(folder, EXPIRY - 13_000, null, null);
    },
    /^I4 executed: orders.execute took effect 0 ms after the expiry$/,
  ],
  [
    'one of two sends that was given up long ago does not excuse the other',
    (folder) => {
      for (const fact of answersTo(folder, 'execute')) fact.at = iso(EXPIRY);
      given(folder, EXPIRY - 20_000, 'unknown', EXPIRY - 19_000);
      const again = {
        ...sendOf(folder, 'execute'),
        sendId: '99',
        permittedAt: EXPIRY - 8_000,
        repliedAt: EXPIRY - 7_000,
      };
      folder.conduit_sends.push(again);
    },
    /^I4 executed: orders.execute took effect 0 ms after the expiry$/,
  ],
  [
    'what never left cannot have been delivered late',
    (folder) => {
      for (const fact of answersTo(folder, 'execute')) fact.at = iso(EXPIRY);
      given(folder, EXPIRY - 20_000, 'unsent', EXPIRY - 19_000);
    },
    /^I4 executed: orders.execute took effect 0 ms after the expiry$/,
    /^I7 executed: every send under .* is said to have had no effect, and one did$/,
  ],
  [
    'what was received before the expiry is in time, however late its answer',
    (folder) => {
      for (const fact of answersTo(folder, 'execute'))
        if (fact.event === 'request.answered') fact.at = iso(EXPIRY + 40);
      sendOf(folder, 'execute').permittedAt = EXPIRY - 4_001;
    },
  ],
  [
    'what was done before and only told again is none',
    (folder) => {
      const [received, answered] = answersTo(folder, 'execute');
      if (!received || !answered) throw new Error('no execute');
      const again = { requestId: 'req-again', at: iso(EXPIRY + 40) };
      folder.ledger.push({ ...received, ...again }, { ...answered, ...again, outcome: 'replayed' });
      sendOf(folder, 'execute').permittedAt = EXPIRY - 4_001;
    },
  ],
  [
    'an order made of an option that nobody was shown',
    (folder) => {
      Object.assign(heldBy(folder, 'order.created'), { quoteOptionId: 'qop_other' });
    },
    /^I4 executed: an order was made of an option that nobody was shown$/,
  ],
  [
    'a cancel at Conduit has no expiry',
    (folder) => {
      for (const fact of folder.ledger) if (fact.operation === 'orders.cancel') fact.at = iso(EXPIRY + 60_000);
    },
  ],
  [
    'late under a key that nobody wrote down is not excused by that',
    (folder) => {
      for (const fact of answersTo(folder, 'execute')) Object.assign(fact, { at: iso(EXPIRY), key: 'unknown' });
    },
    /^I4 executed: orders.execute took effect 0 ms after the expiry$/,
    /^I7 executed: orders.execute came under a key that nobody wrote down: unknown$/,
    /^I7 executed: a send under .*:execute:1 is said to be accepted, and the provider did nothing$/,
  ],
  [
    'a permit is given within the margin before the expiry',
    (folder) => {
      sendOf(folder, 'execute').permittedAt = EXPIRY - 3_999;
    },
    /^I4 executed: execute permitted 3999 ms before the expiry$/,
  ],
  [
    'one that was not used is none',
    (folder) => {
      const late = { ...sendOf(folder, 'create'), sendId: '99', permittedAt: EXPIRY - 100, outcome: 'unsent' };
      folder.conduit_sends.push(late);
    },
  ],
  [
    "an execute is permitted within the margin before the lock's end",
    (folder) => {
      attemptOf(folder).lockExpiresAt = sendOf(folder, 'execute').permittedAt + 3_999;
    },
    /^I4 executed: execute permitted 3999 ms before the lock's end$/,
  ],
  [
    "a create is permitted within the margin before the option's end",
    (folder) => {
      attemptOf(folder).optionExpiresAt = sendOf(folder, 'create').permittedAt + 999;
    },
    /^I4 executed: create permitted 999 ms before the option's end$/,
  ],
  [
    'an option is redeemed after its end',
    (folder) => {
      const quote = the(folder.ledger, ({ options }) => options?.[0]?.id === 'qop_ord_1');
      const [option] = quote.options ?? [];
      if (option) quote.options = [{ ...option, expiresAt: factOf(folder, 'order.created').at }];
    },
    /^I4 executed: an option was redeemed 0 ms after its end$/,
  ],
];

describe('I4: time', () => each(IN_TIME));
