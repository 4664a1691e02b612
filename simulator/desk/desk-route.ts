import type { Accounts } from '../book/accounts.ts';
import type { Book } from '../book/book.ts';
import type { Endings } from '../book/endings.ts';
import type { Ledger } from '../book/ledger.ts';
import type { Orders } from '../book/orders.ts';
import type { Settlements } from '../book/settlement.ts';
import type { Clock } from '../core/clock.ts';
import type { KnobBoard } from '../core/knobs.ts';
import type { Dice } from '../core/random.ts';
import type { Rates } from '../core/rates.ts';
import type { FaultRules } from '../faults/rules.ts';
import type { Deliveries } from '../webhooks/deliveries.ts';
import type { RequestLog } from '../wire/requests.ts';

export type DeskDeps = {
  book: Book;
  ledger: Ledger;
  clock: Clock;
  knobs: KnobBoard;
  dice: Dice;
  rates: Rates;
  rules: FaultRules;
  requests: RequestLog;
  orders: Orders;
  settlements: Settlements;
  endings: Endings;
  accounts: Accounts;
  deliveries: Deliveries;
};

/** A call to the desk that cannot be done as asked; its text says why. */
export class DeskError extends Error {
  override readonly name = 'DeskError';
  readonly status: number;
  constructor(status: number, text: string) {
    super(text);
    this.status = status;
  }
}

export type DeskAsk = { params: Record<string, string>; query: URLSearchParams; body: unknown };
export type DeskRoute = { method: string; path: string; run(ask: DeskAsk): unknown };
