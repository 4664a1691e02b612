export const INVARIANTS = {
  I1: 'single execution',
  I2: 'no lost order',
  I3: 'rate',
  I4: 'time',
  I5: 'cancel',
  I6: 'accept once',
  I7: 'ledgers agree',
  I8: 'monotone',
  I9: 'exact money',
  I10: 'isolation',
  I11: 'events',
  I12: 'replay',
  I13: 'bounded effort',
  I14: 'recovery',
  I15: 'secrecy',
} as const;
export type Invariant = keyof typeof INVARIANTS;

export interface Violation {
  readonly invariant: Invariant;
  readonly orderId: string | null;
  readonly text: string;
}

export const broken = (invariant: Invariant, orderId: string | null, text: string): Violation => ({
  invariant,
  orderId,
  text,
});
