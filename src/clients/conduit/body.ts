import type { Asset } from '../../domain/assets.ts';

/** One side of an order: an account at Conduit and the asset that it is used for. */
interface OrderSide {
  /** `wlt_…` or `vac_…`. */
  readonly accountId: string;
  readonly asset: Asset;
}

export interface OrderTerms {
  readonly quoteOptionId: string;
  readonly source: OrderSide;
  readonly destination: OrderSide;
  /** Our reference of the attempt. */
  readonly reference: string;
}

/** `{code}` or `{code, chain}`: Conduit refuses a null chain. */
export function assetRef({ currency, network }: Asset): { code: string; chain?: string } {
  return network === null ? { code: currency } : { code: currency, chain: network };
}

function sideRef({ accountId, asset }: OrderSide): object {
  if (accountId.startsWith('vac_')) return { type: 'virtual_account', id: accountId };
  if (accountId.startsWith('wlt_')) return { type: 'wallet', id: accountId, asset: assetRef(asset) };
  throw new Error(`neither a wallet nor a virtual account: ${accountId}`);
}

/**
 * The exact bytes that redeem a quote's option. Amount and rate come from the option; `autoExecute: false` keeps the second
 * step, and with it the permit to move money, ours.
 */
export function createOrderBody({ quoteOptionId, source, destination, reference }: OrderTerms): string {
  return JSON.stringify({
    quoteOptionId,
    source: sideRef(source),
    destination: sideRef(destination),
    clientReferenceId: reference,
    autoExecute: false,
  });
}
