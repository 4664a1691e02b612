// I3 and I9: at what rate, and how much.
import { describe } from '@jest/globals';
import { TOO_LATE } from './clean-folder.ts';
import { attemptOf, factOf, orderOf, REFERENCE } from './facts.ts';
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
      /^I3 executed: 91.99 for 100.000000 was claimed; asked was >= 0.92$/,
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
      (folder) => {
        orderOf(folder, TOO_LATE).targetRate = '0.914999';
      },
      /^I3 too_late: 91.50 for 100.000000 was claimed; asked was <= 0.914999$/,
      /^I9 too_late: its target is not the one that it was placed with$/,
      /^I9 too_late: its target is not the one that it was placed with$/,
    ],
    [
      'a <= order gets less than its floor',
      (folder) => {
        orderOf(folder, TOO_LATE).floorRate = '0.915001';
      },
      /^I3 too_late: 91.50 for 100.000000 was claimed/,
    ],
    [
      'a <= order gets exactly its floor, which is its target',
      (folder) => {
        const order = orderOf(folder, TOO_LATE);
        Object.assign(order, { targetRate: '0.915', floorRate: '0.9150' });
        for (const call of folder.history)
          if (call.kind === 'operation' && call.orderId === TOO_LATE && call.request)
            Object.assign(call, { request: { ...call.request, target_rate: '0.915' } });
      },
    ],
    [
      'a <= order has no floor',
      (folder) => {
        orderOf(folder, TOO_LATE).floorRate = null;
      },
      /^I3 too_late: 91.50 for 100.000000 was claimed/,
    ],
    [
      'what is credited counts, where the order prints more',
      (folder) => {
        factOf(folder, 'order.claimed').arrives = { amount: '91.00' };
      },
      /^I3 executed: 91.00 for 100.000000 was claimed/,
    ],
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
      /^I7 -: judgeTerms could not be asked: "8.74e-1" is no plain decimal$/,
    ],
    [
      'money moves between other accounts',
      (folder) => {
        orderOf(folder).destinationAccount = 'vac_other';
      },
      /^I10 executed: it moved money between other accounts than the order is bound to$/,
    ],
  ]);
});

/** Every fact of the executed order that shows the order at the provider. */
function answersAbout(folder: Folder) {
  return folder.ledger.filter((fact) => fact.reference === REFERENCE && fact.order !== undefined) as (Omit<
    Folder['ledger'][number],
    'order'
  > & { order: NonNullable<Folder['ledger'][number]['order']> })[];
}
