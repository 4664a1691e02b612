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
