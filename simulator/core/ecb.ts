import { readFileSync } from 'node:fs';
import type { Asset } from './assets.ts';
import { Exact } from './exact.ts';

/** The reference rates of the European Central Bank, day by day. */
export type EcbHistory = {
  days: number;
  /** The index of the first day at or after a date (`2020-03-01`). */
  dayAt(date: string): number;
  /** Units of the destination per 1 unit of the source on that day, at 12 decimals; undefined when the file lacks one. */
  rate(source: Asset, destination: Asset, day: number): string | undefined;
};

const FILE = new URL('../data/ecb-euro-reference-rates.csv', import.meta.url);
const RATE_DECIMALS = 12;

// A stablecoin is replayed as the currency it is pegged to; the file knows no crypto assets.
const PEG: Record<string, string> = { USDC: 'USD', USDT: 'USD', DAI: 'USD', PYUSD: 'USD', EURC: 'EUR' };

export function readEcbHistory(): EcbHistory {
  const [header = '', ...lines] = readFileSync(FILE, 'utf8').trim().split('\n');
  const columns = header.trim().split(',');
  const rows = lines.map((line) => line.trim().split(','));

  function perEuro(asset: Asset, row: string[]): Exact | undefined {
    const code = PEG[asset.code] ?? asset.code;
    if (code === 'EUR') return new Exact(1);
    const cell = row[columns.indexOf(code)];
    return cell === undefined || !/^\d+(\.\d+)?$/.test(cell) ? undefined : new Exact(cell);
  }

  return {
    days: rows.length,
    dayAt(date) {
      const found = rows.findIndex((row) => (row[0] ?? '') >= date);
      return found < 0 ? rows.length - 1 : found;
    },
    rate(source, destination, day) {
      const row = rows[day] ?? [];
      const from = perEuro(source, row);
      const to = perEuro(destination, row);
      return from && to ? to.div(from).toDecimalPlaces(RATE_DECIMALS).toFixed() : undefined;
    },
  };
}
