const STABLECOIN_NETWORKS = ['ethereum', 'base', 'solana', 'polygon', 'tron', 'stellar'] as const;

/** Every currency we trade: the decimals that Conduit prints it with, and the networks it lives on (none: fiat). */
const CURRENCIES = {
  USD: { decimals: 2, networks: [] },
  EUR: { decimals: 2, networks: [] },
  USDC: { decimals: 6, networks: STABLECOIN_NETWORKS },
  USDT: { decimals: 6, networks: STABLECOIN_NETWORKS },
  ETH: { decimals: 18, networks: ['ethereum', 'base'] },
  SOL: { decimals: 9, networks: ['solana'] },
} as const satisfies Record<string, { decimals: number; networks: readonly string[] }>;

export type Currency = keyof typeof CURRENCIES;

/** A currency on its network; `network` is null for fiat. */
export interface Asset {
  readonly currency: Currency;
  readonly network: string | null;
}

export function isCurrency(code: string): code is Currency {
  return Object.hasOwn(CURRENCIES, code);
}

export function decimalsOf(currency: Currency): number {
  return CURRENCIES[currency].decimals;
}

export type AssetFault = 'unknown_currency' | 'network_missing' | 'network_unexpected' | 'unknown_network';

/** The asset named by a currency code and a network, or what is wrong with the two. */
export function parseAsset(code: string, network: string | null): Asset | AssetFault {
  if (!isCurrency(code)) return 'unknown_currency';
  const networks: readonly string[] = CURRENCIES[code].networks;
  if (networks.length === 0) return network === null ? { currency: code, network } : 'network_unexpected';
  if (network === null) return 'network_missing';
  return networks.includes(network) ? { currency: code, network } : 'unknown_network';
}

export function sameAsset(a: Asset, b: Asset): boolean {
  return a.currency === b.currency && a.network === b.network;
}

/** `USDT.ethereum` or `USD`: an asset's text in ids, Redis keys, SQL and labels. */
export function assetText({ currency, network }: Asset): string {
  return network === null ? currency : `${currency}.${network}`;
}

/** `USDT.ethereum-USDC.ethereum`: a pair's text, the same everywhere. */
export function pairText(from: Asset, to: Asset): string {
  return `${assetText(from)}-${assetText(to)}`;
}

/** The two assets of a pair's text. Throws on a text that {@link pairText} did not make. */
export function parsePair(pair: string): { from: Asset; to: Asset } {
  const [from, to, more] = pair.split('-').map((text) => {
    const [code = '', network = null] = text.split('.');
    return parseAsset(code, network);
  });
  if (!from || !to || more || typeof from === 'string' || typeof to === 'string')
    throw new Error(`not a pair: ${pair}`);
  return { from, to };
}
