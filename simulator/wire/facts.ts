import type { Book } from '../book/book.ts';
import { present } from '../core/present.ts';
import type { Incoming, Matched } from './incoming.ts';

/** What a request is about, as far as its unchecked body tells: rules, ledger and counts go by it. */
export type Facts = { reference?: string; orderId?: string; quoteOptionId?: string; key?: string; pair?: string };

function looseFields(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

function looseJson(text: string): Record<string, unknown> {
  try {
    return looseFields(JSON.parse(text));
  } catch {
    return {}; // It is refused later, in its turn.
  }
}

export function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function looseAsset(value: unknown): string {
  const { code, chain } = looseFields(value);
  return [code, chain].filter((part) => typeof part === 'string').join('.');
}

/** A look at a transaction is about the order behind it. */
function orderIdOf(book: Book, operation: string, id: string): string | undefined {
  if (operation === 'transactions.get') return book.transactions.get(id)?.linkedOrderId;
  return operation.startsWith('orders.') && id !== '' ? id : undefined;
}

export function factsOf(book: Book, incoming: Incoming, { route, params }: Matched): Facts {
  const body = looseJson(incoming.body);
  const orderId = orderIdOf(book, route.operation, params['id'] ?? '');
  const ofOrder = orderId === undefined ? undefined : book.orders.get(orderId)?.order.clientReferenceId;
  const asked = textOf(body['clientReferenceId']) ?? incoming.query.get('clientReferenceId') ?? undefined;
  const isQuote = route.operation === 'quotes.create';
  return {
    ...present('orderId', orderId),
    ...present('reference', ofOrder ?? asked),
    ...present('quoteOptionId', textOf(body['quoteOptionId'])),
    ...present('key', incoming.header('idempotency-key')),
    ...present('pair', isQuote ? `${looseAsset(body['source'])}-${looseAsset(body['destination'])}` : undefined),
  };
}
