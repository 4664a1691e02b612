import type { Exact } from './exact.ts';
import { present } from './present.ts';

export type Asset = { code: string; chain?: string };
/** An amount on the wire: major units, always at the asset's exact precision on output. */
export type Money = Asset & { amount: string };

const FIAT_CODES = (
  'USD EUR GBP CHF JPY CAD AUD NZD SGD HKD CNY KRW INR BRL MXN ARS CLP COP PEN ZAR NGN KES GHS EGP AED SAR ILS TRY ' +
  'PLN CZK HUF SEK NOK DKK THB IDR MYR PHP VND TWD'
).split(' ');
const CRYPTO_CODES = 'USDC USDT DAI EURC PYUSD BTC ETH SOL TRX XLM POL'.split(' ');
export const ASSET_CODES = [...FIAT_CODES, ...CRYPTO_CODES];
export const CHAINS = ['ethereum', 'base', 'solana', 'polygon', 'tron', 'stellar'];

// Conduit documents USD/EUR 2, USDC/USDT 6, BTC 8, ETH 18, SOL 9 and JPY 0; the others are the usual ones of their network.
const PRECISION: Record<string, number> = Object.fromEntries(
  Object.entries({
    0: 'JPY KRW CLP VND',
    6: 'USDC USDT EURC PYUSD TRX',
    7: 'XLM',
    8: 'BTC',
    9: 'SOL',
    18: 'ETH DAI POL',
  }).flatMap(([decimals, codes]) => codes.split(' ').map((code) => [code, Number(decimals)])),
);

export function isFiat(code: string): boolean {
  return FIAT_CODES.includes(code);
}

/** Decimals of an asset: 2 for a fiat currency that is not listed otherwise. */
export function precisionOf(code: string): number {
  return PRECISION[code] ?? 2;
}

export function sameAsset(a: Asset, b: Asset): boolean {
  return a.code === b.code && a.chain === b.chain;
}

/** Prints an amount at its asset's exact precision, rounded half up. */
export function money(asset: Asset, amount: Exact): Money {
  return { code: asset.code, ...present('chain', asset.chain), amount: amount.toFixed(precisionOf(asset.code)) };
}

/** Why an input amount is refused, or undefined: Conduit takes no sign, exponent, leading zero, trailing dot or too many decimals. */
export function amountFault(code: string, amount: string): string | undefined {
  if (!/^(0|[1-9]\d*)(\.\d+)?$/.test(amount)) return 'must be a plain decimal string';
  const decimals = amount.split('.')[1]?.length ?? 0;
  const allowed = precisionOf(code);
  return decimals > allowed ? `must have at most ${allowed} decimals for ${code}` : undefined;
}

/** `USDT.ethereum` for a crypto asset, `USD` for a fiat currency. */
export function assetText(asset: Asset): string {
  return asset.chain === undefined ? asset.code : `${asset.code}.${asset.chain}`;
}

export function pairText(source: Asset, destination: Asset): string {
  return `${assetText(source)}-${assetText(destination)}`;
}

/** Reads `USDT.ethereum` or `USD`; undefined when the code or chain is unknown, or a chain is missing or too much. */
export function parseAsset(text: string): Asset | undefined {
  const [code, chain, ...rest] = text.split('.');
  if (code === undefined || rest.length > 0 || !ASSET_CODES.includes(code)) return undefined;
  if (isFiat(code)) return chain === undefined ? { code } : undefined;
  return chain !== undefined && CHAINS.includes(chain) ? { code, chain } : undefined;
}

/** Reads `USDT.ethereum-USDC.ethereum`; undefined when it does not name two different known assets. */
export function parsePair(text: string): { source: Asset; destination: Asset } | undefined {
  const [from, to, ...rest] = text.split('-');
  if (from === undefined || to === undefined || rest.length > 0) return undefined;
  const source = parseAsset(from);
  const destination = parseAsset(to);
  return source && destination && !sameAsset(source, destination) ? { source, destination } : undefined;
}
