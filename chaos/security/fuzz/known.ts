// What is asked once in every run, with the answer that is due: a search that saw none of these would have shown nothing.
import type { Route } from '../routes.ts';
import { AUTHORIZED, JSON_TYPE } from './heads.ts';
import { EVENT_BODY, ORDER_BODY } from './requests.ts';
import { PLAIN, type Shot } from './shot.ts';

export type Known = readonly [due: string, shot: Shot];

const posted = (target: string, some: Partial<Shot>): Shot => ({
  ...PLAIN,
  method: 'POST',
  target,
  headers: [AUTHORIZED, JSON_TYPE],
  ...some,
});
const create = (some: Partial<Shot>) => posted('/orders', { body: ORDER_BODY, ...some });
const delivery = (some: Partial<Shot>) =>
  posted('/webhooks/conduit', { headers: [JSON_TYPE], body: EVENT_BODY, signature: 'right', ...some });
const read = (target: string, some: Partial<Shot> = {}): Shot => ({ ...PLAIN, target, headers: [AUTHORIZED], ...some });
const filled = (size: number) => ORDER_BODY.replace('{', `{"filler":"${'x'.repeat(size)}",`);

export const KNOWN: readonly Known[] = [
  ['201', create({})],
  ['201', create({ target: '/conditional-transfers/', length: 'chunked' })],
  ['200', read('/orders/<<own>>')],
  ['200', read('/orders/<<own>>/events?after=0&limit=1')],
  ['200', read('/orders/<<own>>', { method: 'HEAD' })],
  ['200', delivery({})],
  ['200', read('/health/live')],
  ['200', read('/health/ready')],
  ['400 malformed_json', create({ body: '{"a":' })],
  ['400 validation_failed', create({ body: ORDER_BODY.replace('{', '{"amount":"1",') })],
  ['400 validation_failed', create({ body: ORDER_BODY.replace('31.07', '1e3') })],
  ['400 validation_failed', read('/orders/x')],
  ['400 unsupported_asset', create({ body: ORDER_BODY.replace('USDC', 'XRP') })],
  ['400 same_asset', create({ body: ORDER_BODY.replace('USDC', 'USDT') })],
  ['401 unauthenticated', create({ headers: [JSON_TYPE] })],
  ['401 unauthenticated', read('/orders/<<own>>', { headers: [] })],
  ['401 invalid_signature', delivery({ signature: 'none' })],
  ['401 invalid_signature', delivery({ signature: 'wrong_secret' })],
  ['401 invalid_signature', delivery({ signature: 'wrong_body' })],
  ['401 invalid_signature', delivery({ signature: 'too_old' })],
  ['401 invalid_signature', delivery({ signature: 'too_new' })],
  ['403 user_mismatch', create({ body: ORDER_BODY.replace('<<user>>', '<<other>>') })],
  ['404 order_not_found', read('/orders/<<foreign>>')],
  ['404 order_not_found', read('/orders/<<foreign>>/events')],
  ['404 order_not_found', posted('/orders/<<foreign>>/cancel', {})],
  ['404 route_not_found', read('/orders')],
  ['404 route_not_found', read('/orders/<<own>>', { method: 'DELETE' })],
  ['413 body_too_large', create({ body: filled(17_000) })],
  ['413 body_too_large', delivery({ body: EVENT_BODY.replace('{', `{"filler":"${'x'.repeat(300_000)}",`) })],
  ['415 unsupported_media_type', create({ headers: [AUTHORIZED, ['Content-Type', 'text/plain']] })],
  [
    '415 unsupported_media_type',
    create({ headers: [AUTHORIZED, ['Content-Type', 'application/json; charset=utf-16']] }),
  ],
  ['415 unsupported_media_type', create({ packing: 'gzip' })],
  ['415 unsupported_media_type', create({ packing: 'bomb' })],
  ['415 unsupported_media_type', delivery({ packing: 'bomb' })],
  ['417 expectation_failed', create({ headers: [AUTHORIZED, JSON_TYPE, ['Expect', 'money']] })],
  ['422 account_missing', create({ body: ORDER_BODY.replace('ethereum', 'base') })],
  ['422 amount_too_large', create({ body: ORDER_BODY.replace('31.07', '99999999') })],
  ['422 target_implausible', create({ body: ORDER_BODY.replace('0.99', '99') })],
  ['422 expiry_out_of_range', create({ body: ORDER_BODY.replace('<<expiry>>', '2020-01-01T00:00:00Z') })],
  ['431 headers_too_large', read('/orders/<<own>>', { headers: [['X-Long', 'x'.repeat(20_000)]] })],
];

/** The routes that none of them asks for anything. */
export function unasked(routes: readonly Route[]): Route[] {
  const asked = (route: Route) =>
    KNOWN.some(([, { method, target }]) => {
      const path = target
        .split('?')[0]
        ?.replace(/<<\w+>>/, ':id')
        .replace(/(?<=.)\/$/, '');
      return method === route.method && path === route.path;
    });
  return routes.filter((route) => !asked(route));
}
