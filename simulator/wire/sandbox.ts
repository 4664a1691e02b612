import { z } from 'zod';
import type { Accounts } from '../book/accounts.ts';
import type { Book } from '../book/book.ts';
import type { Endings } from '../book/endings.ts';
import type { Orders } from '../book/orders.ts';
import { isClaimed, type Settlements } from '../book/settlement.ts';
import { ASSET_CODES, amountFault, CHAINS } from '../core/assets.ts';
import { checkedAsset, checkedId, parseBody } from './bodies.ts';
import { invalid, Problem } from './problem.ts';

/** What Conduit's own sandbox offers on top of the API, under /v2/sandbox. */
export type Sandbox = {
  /** Fails a claimed order at once and arms the failure of an unclaimed one; an order at its end stays as it is. */
  failConversion(orderId: string, body: unknown): unknown;
  expireLock(orderId: string): unknown;
  endTransaction(transactionId: string, body: unknown): unknown;
  deposit(prefix: 'vac' | 'wlt', accountId: string, body: unknown): unknown;
};

const FailBody = z.strictObject({ reason: z.string().max(500).optional() });
const TerminalBody = z.strictObject({ outcome: z.enum(['completed', 'failed', 'cancelled']) });
const DepositBody = z.strictObject({
  assetAmount: z.strictObject({ code: z.enum(ASSET_CODES), chain: z.enum(CHAINS).optional(), amount: z.string() }),
  outcome: z.enum(['completed', 'frozen']).default('completed'),
  senderInfo: z.unknown().optional(),
});

type SandboxDeps = { book: Book; orders: Orders; settlements: Settlements; endings: Endings; accounts: Accounts };

export function createSandbox({ book, orders, settlements, endings, accounts }: SandboxDeps): Sandbox {
  function find(orderId: string) {
    const held = book.orders.get(checkedId('ord', orderId));
    if (!held) throw new Problem('ORDER_NOT_FOUND', `there is no order ${orderId}`);
    return held;
  }

  return {
    failConversion(orderId, body) {
      const { order } = find(orderId);
      const { reason = 'The conversion failed.' } = parseBody(FailBody, body ?? {});
      const failure = { code: 'provider_rejected', message: reason, transactions: ['failed' as const] };
      if (isClaimed(order)) settlements.endNow(orderId, failure);
      else if (order.status === 'pending') settlements.arm(orderId, failure);
      return find(orderId).order;
    },
    expireLock(orderId) {
      if (!orders.cancelFor(find(orderId).order.id, 'expired', 'sweep')) {
        throw new Problem('ORDER_NOT_CANCELLABLE', 'only a pending, unclaimed order has a lock to lose');
      }
      return find(orderId).order;
    },
    endTransaction(transactionId, body) {
      const { outcome } = parseBody(TerminalBody, body);
      const transaction = endings.setTransaction(checkedId('txn', transactionId), outcome);
      if (!transaction) throw new Problem('TRANSACTION_NOT_FOUND', `there is no transaction ${transactionId}`);
      return transaction;
    },
    deposit(prefix, accountId, body) {
      const { assetAmount, outcome } = parseBody(DepositBody, body);
      const asset = checkedAsset(assetAmount, '/assetAmount');
      const fault = amountFault(asset.code, assetAmount.amount);
      if (fault !== undefined) throw invalid('/assetAmount/amount', fault);
      const { id } = accounts.lookUp(checkedId(prefix, accountId));
      if (outcome === 'completed') accounts.move(id, { ...asset, amount: assetAmount.amount }, 1);
      orders.claimFunded();
      return accounts.view(prefix === 'wlt' ? 'wallet' : 'virtual_account', accounts.get(id));
    },
  };
}
