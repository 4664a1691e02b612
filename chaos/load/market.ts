import type { SimulatorControl } from '../../simulator/control.ts';

export const STABLES = 'USDT.ethereum-USDC.ethereum';
export const FIAT = 'USD-EUR';

/** Where each pair stands while no order's condition is met, and where all of them are. Less than 5 % apart: no jump that is suspect. */
const RATES = {
  [STABLES]: { away: '0.9150', met: '0.9300' },
  [FIAT]: { away: '0.9250', met: '0.9000' },
} as const;

/** What the orders of the experiments ask for: met at the one rate of {@link RATES}, missed at the other. */
export const TARGETS = { [STABLES]: '0.92', [FIAT]: '0.91' } as const;

/** Decimals of both assets of a pair. */
export const UNITS = { [STABLES]: 6, [FIAT]: 2 } as const;

/** What the provider charges, as the simulator does when nobody says otherwise. */
const TERMS = { keptBps: 9_975n, fixedFee: '0.10' } as const;
const TARGET_DIGITS = 18;

/**
 * The target that an order of this amount meets exactly when the market has crossed, to the last of the 18 digits that a target has; or
 * the next one, which it misses by one unit of the destination.
 */
export function boundaryOf(pair: keyof typeof RATES, amount: string, isMet: boolean): string {
  const digits = UNITS[pair];
  const isAtLeast = pair === STABLES;
  const debit = unitsOf(amount, digits);
  const sent = debit - unitsOf(TERMS.fixedFee, digits);
  // A rate of four digits, kept to four more: half up to a unit of the destination, as the provider rounds.
  const arrives = (sent * unitsOf(RATES[pair].met, 4) * TERMS.keptBps * 2n + 10n ** 8n) / (2n * 10n ** 8n);
  const wanted = isMet ? arrives : arrives + (isAtLeast ? 1n : -1n);
  const scaled = wanted * 10n ** BigInt(TARGET_DIGITS);
  // Rounded to the side on which the wanted amount meets it: by less than a unit, so that one unit decides.
  const target = isAtLeast ? scaled / debit : (scaled + debit - 1n) / debit;
  const text = String(target).padStart(TARGET_DIGITS + 1, '0');
  return `${text.slice(0, -TARGET_DIGITS)}.${text.slice(-TARGET_DIGITS)}`;
}

function unitsOf(decimal: string, digits: number): bigint {
  const [whole = '0', fraction = ''] = decimal.split('.');
  return BigInt(whole + fraction.padEnd(digits, '0').slice(0, digits));
}

export interface Market {
  /** No waiting order's condition holds. */
  away(): Promise<void>;
  /** Every waiting order's condition holds. */
  cross(): Promise<void>;
  /** There and back every `everyMs`, until one of the others is called. */
  flap(everyMs: number): Promise<void>;
}

export function createMarket(simulator: SimulatorControl): Market {
  const pairs = Object.entries(RATES);
  const all = (work: (pair: string, rates: { away: string; met: string }) => Promise<void>) =>
    Promise.all(pairs.map(([pair, rates]) => work(pair, rates))).then(() => {});
  return {
    away: () => all((pair, { away }) => simulator.setRate(pair, away)),
    cross: () => all((pair, { met }) => simulator.setRate(pair, met)),
    flap: (everyMs) =>
      all((pair, { away, met }) =>
        simulator.scriptRates(pair, {
          steps: [
            { rate: met, afterMs: everyMs },
            { rate: away, afterMs: everyMs },
          ],
          loop: true,
        }),
      ),
  };
}
