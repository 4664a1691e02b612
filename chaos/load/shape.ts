/**
 * `crossing` waits for the market; `at_once` is met when it is placed; `expiring` never is; `cancelled` neither, and its customer cancels it;
 * `contested` waits for the market and is cancelled at some moment around the crossing; `exact` is met by it with nothing to spare, and
 * `missed` falls short of it by one unit of what arrives. `patient` is met when it is placed, its customer has no wish to cancel it, and it
 * outlives whatever is broken: a product that is well again must execute it, however long the others had to wait. The judge asks for it.
 */
export type Kind = DrawnKind | 'patient';
export type DrawnKind = 'crossing' | 'at_once' | 'expiring' | 'cancelled' | 'contested' | 'exact' | 'missed';

/** The orders of an experiment, as a whole. */
export interface LoadShape {
  readonly orders: number;
  /** How long placing takes. */
  readonly windowMs: number;
  /** The soonest and the latest end of an order's life. */
  readonly expiresInMs: readonly [number, number];
  /** Weights of the kinds; those left out are as in a mixed load. */
  readonly kinds?: Partial<Record<DrawnKind, number>>;
  /** How many of them, the first, are `patient`: a quarter of all at most. */
  readonly patient: number;
  /** How much longer these live than all others together. */
  readonly patienceMs: number;
  /** False when nobody looks at the orders meanwhile. */
  readonly isWatched?: boolean;
}

export interface Scale {
  readonly timeScale: number;
  /** A run that must be short. */
  readonly isQuick: boolean;
  /** How many orders are wanted instead. */
  readonly orders?: number;
}

/** How much faster than in production the protocol waits, where nothing else is asked for. */
export const USUAL_TIME_SCALE = 10;
/**
 * How much longer than all others the patient ones live: past the last strike and its outage of a minute, the half minute for which a dead
 * relay holds a message or repair lets a run wait, the longest back-off, and the margin before an expiry.
 */
const PATIENCE_MS = 120_000;
const LOAD: LoadShape = {
  orders: 60,
  windowMs: 16_000,
  expiresInMs: [15_000, 28_000],
  patient: 3,
  patienceMs: PATIENCE_MS,
};
const QUICK_LOAD: LoadShape = { ...LOAD, orders: 24, windowMs: 8_000, expiresInMs: [15_000, 22_000], patient: 2 };

/** The usual load, but for what an experiment has of its own. Written for a tenfold pace: in real time all that it waits for takes longer. */
export function shapeOf(own: Partial<LoadShape> = {}, { timeScale, isQuick, orders }: Scale): LoadShape {
  const shape = { ...(isQuick ? QUICK_LOAD : LOAD), ...own, ...(orders === undefined ? {} : { orders }) };
  const factor = Math.max(1, USUAL_TIME_SCALE / timeScale);
  const [soonest, latest] = shape.expiresInMs;
  return {
    ...shape,
    patient: Math.min(shape.patient, Math.floor(shape.orders / 4)),
    windowMs: shape.windowMs * factor,
    expiresInMs: [soonest * factor, latest * factor],
    patienceMs: shape.patienceMs * factor,
  };
}
