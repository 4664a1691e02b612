import type { Recorded } from '../book/entries.ts';
import { precisionOf } from '../core/assets.ts';
import { Exact } from '../core/exact.ts';
import { isId } from '../core/ids.ts';
import { fitsReference } from '../faults/rules.ts';
import { AccountBody, WebhookBody } from './bodies.ts';
import { type DeskDeps, DeskError, type DeskRoute } from './desk-route.ts';

/** Keeps an endpoint's secrets out of whatever is printed of the ledger. */
function withoutSecrets(entry: Recorded): unknown {
  if (entry.event !== 'endpoint.saved') return entry;
  const { secret: _secret, formerSecret: _former, ...endpoint } = entry.endpoint;
  return { ...entry, endpoint };
}

/** The ledger, the accounts and the webhooks. */
export function witnessRoutes({ book, ledger, accounts, orders, deliveries }: DeskDeps): DeskRoute[] {
  return [
    {
      method: 'GET',
      path: '/_sim/ledger',
      async run({ query }) {
        const [event, orderId, reference] = [query.get('event'), query.get('orderId'), query.get('reference')];
        const afterSeq = Number(query.get('afterSeq') ?? 0);
        const entries = (await ledger.read()).filter(
          (entry) =>
            entry.seq > afterSeq &&
            (event === null || event.split(',').includes(entry.event)) &&
            (orderId === null || ('orderId' in entry && entry.orderId === orderId)) &&
            (reference === null || ('reference' in entry && fitsReference(reference, entry.reference))),
        );
        return { entries: entries.map(withoutSecrets) };
      },
    },
    {
      method: 'PUT',
      path: '/_sim/accounts/:id',
      run({ params, body }) {
        const id = params['id'] ?? '';
        if (!isId('wlt', id) && !isId('vac', id)) throw new DeskError(400, 'an account is wlt_… or vac_…');
        const change = AccountBody.parse(body);
        for (const [asset, amount] of Object.entries(change.balances ?? {})) {
          const decimals = new Exact(amount ?? 0).decimalPlaces();
          const allowed = precisionOf(asset.split('.')[0] ?? '');
          if (decimals > allowed) throw new DeskError(400, `${asset} has at most ${allowed} decimals`);
        }
        const account = accounts.change(id, change);
        orders.claimFunded();
        return account;
      },
    },
    { method: 'GET', path: '/_sim/deliveries', run: () => ({ deliveries: [...book.deliveries.values()] }) },
    {
      method: 'POST',
      path: '/_sim/webhooks',
      async run({ body }) {
        const { endpointId, type, data, forge, skewSeconds } = WebhookBody.parse(body);
        const endpoint = endpointId === undefined ? [...book.endpoints.values()][0] : book.endpoints.get(endpointId);
        if (!endpoint) throw new DeskError(404, 'there is no such webhook endpoint');
        return deliveries.sendOnce(endpoint, type, data, { forge, skewSeconds });
      },
    },
  ];
}
