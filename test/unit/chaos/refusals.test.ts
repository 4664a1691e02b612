// I5, I6, I8 and I14: what a customer is refused.
import { describe } from '@jest/globals';
import { BEGAN_AT, CANCELLED, EXECUTED, EXPIRED, OWNER, STRANGER } from './clean-folder.ts';
import { callOf, change } from './facts.ts';
import type { Folder } from './folder.ts';
import { type Case, each } from './spoiled.ts';

const REFUSED = { orderId: null, replayed: false } as const;

/** A create under a key of its own, which comes to nothing. */
function refuse(folder: Folder, fields: Parameters<typeof change>[1], livesMs = 30_000): void {
  const { shown: _shown, ...create } = callOf(folder, EXECUTED, 'create');
  const endedAt = BEGAN_AT + 20_000;
  const request = {
    ...create.request,
    idempotency_key: 'key-0',
    expires_at: new Date(endedAt + livesMs).toISOString(),
  };
  folder.history.push({ ...create, ...REFUSED, key: 'key-0', request, beganAt: endedAt - 20, endedAt, ...fields });
}

const answer = (folder: Folder, operation: string, fields: Parameters<typeof change>[1], orderId = EXECUTED) => {
  const call = callOf(folder, orderId, operation);
  delete (call as { shown?: unknown }).shown;
  change(call, fields);
};

describe('a good order is taken', () => {
  each([
    [
      'refused as expiring too soon, long before it does',
      (folder) => refuse(folder, { status: 422, code: 'expiry_out_of_range' }, 11_000),
      /^I6 -: a good order was answered 422 expiry_out_of_range$/,
    ],
    [
      'refused as expiring too soon, as it does by then',
      (folder) => refuse(folder, { status: 422, code: 'expiry_out_of_range' }, 10_999),
    ],
    [
      'refused for another reason, however soon it expires',
      (folder) => refuse(folder, { status: 422, code: 'account_missing' }, 1_000),
      /^I6 -: a good order was answered 422 account_missing$/,
    ],
    [
      'its key is not known any more',
      (folder) => refuse(folder, { status: 401, code: 'unauthenticated' }),
      /^I6 -: a good order was answered 401 unauthenticated$/,
    ],
    [
      'placed in the name of another user',
      (folder) =>
        refuse(folder, {
          status: 403,
          code: 'user_mismatch',
          request: { user_id: STRANGER, idempotency_key: 'key-0' },
        }),
    ],
    ['too many at once', (folder) => refuse(folder, { status: 429, code: null })],
    ['while something is away', (folder) => refuse(folder, { status: 503, code: 'storage_unavailable' })],
  ]);
});

describe('a customer is answered about an order that is there', () => {
  const cases: Case[] = [
    [
      'he reads it, and it is not there',
      (folder) => answer(folder, 'read', { status: 404, code: 'order_not_found' }),
      /^I8 executed: its customer's read was answered 404 order_not_found$/,
    ],
    [
      'nor are its events',
      (folder) =>
        folder.history.push({
          ...callOf(folder, EXECUTED, 'read'),
          operation: 'events',
          status: 401,
          code: 'unauthenticated',
          userId: OWNER,
          shown: undefined,
        } as never),
      /^I8 executed: its customer's events was answered 401 unauthenticated$/,
    ],
    [
      'he cancels it, and it is not there',
      (folder) => answer(folder, 'cancel', { status: 404, code: 'order_not_found' }, CANCELLED),
      /^I5 cancelled: its customer's cancel was answered 404 order_not_found$/,
    ],
    [
      'an error of the service, whoever asks',
      (folder) => answer(folder, 'read', { status: 500, code: 'internal_error' }, EXPIRED),
      /^I14 expired: read was answered 500 internal_error$/,
    ],
    [
      'of a gateway that gives up',
      (folder) => answer(folder, 'read', { status: 502, code: null }, EXPIRED),
      /^I14 expired: read was answered 502 null$/,
    ],
    ['no answer', (folder) => answer(folder, 'read', { status: null, code: 'ECONNRESET' }, EXPIRED)],
  ];
  each(cases);
});
