// I4: when.
import { describe } from '@jest/globals';
import { BEGAN_AT } from './clean-folder.ts';
import { attemptOf, factOf, REFERENCE, sendOf } from './facts.ts';
import { type Folder, the } from './folder.ts';
import { each } from './spoiled.ts';

const answersTo = (folder: Folder, operation: string) =>
  folder.ledger.filter((it) => it.operation === `orders.${operation}` && it.reference === REFERENCE);

describe('I4: time', () => {
  const EXPIRY = BEGAN_AT + 31_000;
  const iso = (ms: number) => new Date(ms).toISOString();
  each([
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
      'a network delivers long after what we gave up: outside of any promise',
      (folder) => {
        for (const fact of answersTo(folder, 'execute')) fact.at = iso(EXPIRY + 40);
      },
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
      "a create is permitted after the option's end",
      (folder) => {
        attemptOf(folder).optionExpiresAt = sendOf(folder, 'create').permittedAt - 2_001;
      },
      /^I4 executed: create permitted -2001 ms before the option's end$/,
    ],
    [
      'an option is redeemed after its end',
      (folder) => {
        const quote = the(folder.ledger, ({ options }) => options?.[0]?.id === 'qop_ord_1');
        quote.options = [{ id: 'qop_ord_1', expiresAt: factOf(folder, 'order.created').at }];
      },
      /^I4 executed: an option was redeemed 0 ms after its end$/,
    ],
  ]);
});
