// I3 and I9: at what rate, and how much.
import { describe } from '@jest/globals';
import { ACCOUNT, EXECUTED, TOO_LATE } from './clean-folder.ts';
import { attemptOf, orderOf, REFERENCE } from './facts.ts';
import type { Folder } from './folder.ts';
import { each } from './spoiled.ts';

describe('I3 and I9: rate and amounts', () => {
  each([
    [
      'less arrives than the target asks for',
      (folder) => {
        for (const fact of answersAbout(folder)) fact.order = { ...fact.order, destinationAsset: { amount: '91.99' } };
        Object.assign(attemptOf(folder), { lockedRecipient: '91.99', settledRecipient: '91.99' });
      },
      /^I3 executed: 91.99 for 100.000000 was claimed; asked was >= 0.920$/,
    ],
    [
      'exactly the target arrives',
      (folder) => {
        for (const fact of answersAbout(folder)) fact.order = { ...fact.order, destinationAsset: { amount: '92' } };
        Object.assign(attemptOf(folder), { lockedRecipient: '92.00', settledRecipient: '92.000' });
      },
    ],
    [
      'a <= order gets more than its target',
      (folder) => asksFor(folder, '0.914999', '0.86924905'),
      /^I3 too_late: 91.50 for 100.000000 was claimed; asked was <= 0.914999$/,
    ],
    [
      'it is the customer who says what the target is',
      (folder) => {
        orderOf(folder, TOO_LATE).targetRate = '0.914999';
      },
      /^I9 too_late: its target is not the one that it was placed with$/,
    ],
    [
      'a <= order gets less than its floor',
      (folder) => asksFor(folder, '0.963159', '0.91500105'),
      /^I3 too_late: 91.50 for 100.000000 was claimed/,
    ],
    [
      'its floor was stored too low, and it gets less than its own',
      (folder) => asksFor(folder, '0.963159', '0.5'),
      /^I3 too_late: its floor is 0.5, which does not follow from its target$/,
      /^I3 too_late: 91.50 for 100.000000 was claimed/,
    ],
    [
      'a <= order gets exactly its floor, which is its target',
      (folder) => {
        folder.meta.maxStopGapBps = 0;
        asksFor(folder, '0.915', '0.9150');
      },
    ],
    [
      'a floor is rounded up at eighteen places',
      (folder) => asksFor(folder, '0.920000000000000001', '0.874000000000000001'),
    ],
    [
      'one that was rounded down is none',
      (folder) => asksFor(folder, '0.920000000000000001', '0.874000000000000000'),
      /^I3 too_late: its floor is 0.874000000000000000, which does not follow from its target$/,
    ],
    [
      'a <= order has no floor',
      (folder) => {
        orderOf(folder, TOO_LATE).floorRate = null;
      },
      /^I3 too_late: it has no floor$/,
    ],
    [
      'a >= order has one',
      (folder) => {
        orderOf(folder).floorRate = '0.874';
      },
      /^I3 executed: its floor is 0.874, which does not follow from its target$/,
    ],
    [
      'what is credited counts, where the order prints more',
      (folder) => credits(folder, EXECUTED, '91.00'),
      /^I3 executed: 91.00 for 100.000000 was claimed/,
    ],
    [
      'of a <= order the floor holds for what is credited',
      (folder) => credits(folder, TOO_LATE, '87.39'),
      /^I3 too_late: 87.39 for 100.000000 was claimed/,
    ],
    [
      'and the target for what is printed',
      (folder) => {
        asksFor(folder, '0.914999', '0.86924905');
        credits(folder, TOO_LATE, '91.00');
      },
      /^I3 too_late: 91.00 for 100.000000 was claimed/,
    ],
    ['both are kept', (folder) => credits(folder, TOO_LATE, '87.40')],
    [
      'more is debited than the order is for',
      (folder) => {
        for (const fact of answersAbout(folder)) fact.order = { ...fact.order, totalDebit: { amount: '100.01' } };
        Object.assign(attemptOf(folder), { lockedDebit: '100.01', settledDebit: '100.01' });
      },
      /^I9 executed: debited 100.01 for an order of 100.00$/,
    ],
    [
      'an amount has been a float',
      (folder) => {
        Object.assign(attemptOf(folder), { lockedRecipient: 92.5 });
      },
      /^I9 executed: lockedRecipient is 92.5, no plain decimal$/,
    ],
    [
      'a rate prints an exponent',
      (folder) => {
        orderOf(folder, TOO_LATE).floorRate = '8.74e-1';
      },
      /^I9 too_late: floorRate is "8.74e-1", no plain decimal$/,
      /^I14 -: judgeTerms could not be asked: "8.74e-1" is no plain decimal$/,
    ],
    [
      'money moves between other accounts',
      (folder) => {
        orderOf(folder).destinationAccount = ACCOUNT;
      },
      /^I10 executed: it moved money between other accounts than the order is bound to$/,
    ],
  ]);
});

/** The customer of the `<=` order asked for this target, and the row says the same. */
function asksFor(folder: Folder, targetRate: string, floorRate: string): void {
  Object.assign(orderOf(folder, TOO_LATE), { targetRate, floorRate });
  for (const call of folder.history)
    if (call.kind === 'operation' && call.orderId === TOO_LATE && call.request)
      Object.assign(call, { request: { ...call.request, target_rate: targetRate } });
}

/** The provider says so with each fact of the order. */
function credits(folder: Folder, orderId: string, amount: string): void {
  for (const fact of folder.ledger) if (fact.reference === `${orderId}:g1` && fact.order) fact.arrives = { amount };
  attemptOf(folder, orderId).settledRecipient = amount;
}

/** Every fact of the executed order that shows the order at the provider. */
function answersAbout(folder: Folder) {
  return folder.ledger.filter((fact) => fact.reference === REFERENCE && fact.order !== undefined) as (Omit<
    Folder['ledger'][number],
    'order'
  > & { order: NonNullable<Folder['ledger'][number]['order']> })[];
}
