// Requests by the rules of HTTP, about everything that the API has and much that it has not.
import fc from 'fast-check';
import type { Header } from '../raw-http.ts';
import { kindOfRoute, type Route } from '../routes.ts';
import { AUTHORIZED, headers, JSON_TYPE, METHODS, TYPES, targets } from './heads.ts';
import { PLAIN, type Shot } from './shot.ts';
import { bodyNear, type Member, objectOf } from './texts.ts';

/** A create that is accepted, and never met. */
export const ORDER: readonly Member[] = [
  ['"from_currency"', '"USDT"'],
  ['"to_currency"', '"USDC"'],
  ['"from_network"', '"ethereum"'],
  ['"to_network"', '"ethereum"'],
  ['"amount"', '"31.07"'],
  ['"target_rate"', '"0.99"'],
  ['"direction"', '">="'],
  ['"idempotency_key"', '"<<fresh>>"'],
  ['"user_id"', '"<<user>>"'],
  ['"expires_at"', '"<<expiry>>"'],
];
export const ORDER_BODY = objectOf(ORDER);

const damage = fc.oneof(
  { weight: 8, arbitrary: fc.constant([]) },
  {
    weight: 1,
    arbitrary: fc.array(fc.tuple(fc.double({ min: 0, max: 0.999, noNaN: true }), fc.nat({ max: 255 })), {
      maxLength: 4,
    }),
  },
);
const length = fc.oneof(
  { weight: 20, arbitrary: fc.constant('right' as const) },
  { weight: 3, arbitrary: fc.constant('chunked' as const) },
  { weight: 1, arbitrary: fc.constantFrom('long' as const, 'short' as const, 'both' as const) },
);
const packing = fc.oneof(
  { weight: 20, arbitrary: fc.constant('plain' as const) },
  { weight: 1, arbitrary: fc.constantFrom('gzip' as const, 'bomb' as const) },
);

const ofKind = (routes: readonly Route[], kind: string) =>
  routes.filter((route) => kindOfRoute(route) === kind).map(({ path }) => path);

/** Creates by a customer: whatever is wrong is in the body. */
export function creations(routes: readonly Route[]): fc.Arbitrary<Shot> {
  return fc
    .record({ target: fc.constantFrom(...ofKind(routes, 'create')), body: bodyNear(ORDER), damage, length, packing })
    .map((some) => ({ ...PLAIN, ...some, method: 'POST', headers: [AUTHORIZED, JSON_TYPE] }));
}

/** Any method on any path, with any headers. */
export function requests(routes: readonly Route[]): fc.Arbitrary<Shot> {
  const body = fc.oneof(fc.constant(''), fc.constant(ORDER_BODY), bodyNear(ORDER));
  const method = fc.oneof(fc.constantFrom('GET', 'POST'), fc.constantFrom(...METHODS));
  return fc
    .record({ method, target: targets(routes), headers, body, length, packing })
    .map((some) => ({ ...PLAIN, ...some, length: some.body === '' ? 'right' : some.length }));
}

const EVENT: readonly Member[] = [
  ['"id"', '"evt_<<fresh>>"'],
  ['"type"', '"order.completed"'],
  ['"createdAt"', '"2031-01-01T00:00:00.000Z"'],
  ['"data"', '{"orderId":"ord_x","transactionId":"trx_x","clientReferenceId":"<<own>>:g1"}'],
];
export const EVENT_BODY = objectOf(EVENT);

/** Deliveries as Conduit makes them, rightly signed and not. */
export function deliveries(routes: readonly Route[]): fc.Arbitrary<Shot> {
  const signature = fc.oneof(
    { weight: 6, arbitrary: fc.constant('right' as const) },
    {
      weight: 3,
      arbitrary: fc.constantFrom(
        'none' as const,
        'wrong_secret' as const,
        'wrong_body' as const,
        'too_old' as const,
        'too_new' as const,
        'twice' as const,
        'no_time' as const,
      ),
    },
  );
  const type = fc.oneof(
    { weight: 4, arbitrary: fc.constant([JSON_TYPE]) },
    fc.constantFrom(...TYPES).map((it): Header[] => [['Content-Type', it]]),
    fc.constant([]),
  );
  return fc
    .record({
      target: fc.constantFrom(...ofKind(routes, 'webhook')),
      headers: type,
      body: bodyNear(EVENT),
      damage,
      length,
      packing,
      signature,
    })
    .map((some) => ({ ...PLAIN, ...some, method: 'POST' }));
}
