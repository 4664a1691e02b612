/** Exact comparison of plain decimals, by nobody's library: the judge shares no rounding with the accused. */
export interface Exact {
  readonly units: bigint;
  readonly scale: number;
}

const PLAIN = /^(-?)(\d+)(?:\.(\d+))?$/;

/** Whether this is a decimal as text: what has been a float is a number, or prints an exponent. */
export function isPlain(value: unknown): value is string {
  return typeof value === 'string' && PLAIN.test(value);
}

/** Throws on anything but a plain decimal. */
export function exact(text: string): Exact {
  const match = PLAIN.exec(text);
  if (!match) throw new Error(`"${text}" is no plain decimal`);
  const [, sign = '', whole = '0', fraction = ''] = match;
  return { units: BigInt(`${sign}${whole}${fraction}`), scale: fraction.length };
}

export function times(a: Exact, b: Exact): Exact {
  return { units: a.units * b.units, scale: a.scale + b.scale };
}

/** Below zero, zero or above it, as `a` is less than, equal to or more than `b`. */
export function compare(a: Exact, b: Exact): number {
  const scale = Math.max(a.scale, b.scale);
  const left = a.units * 10n ** BigInt(scale - a.scale);
  const right = b.units * 10n ** BigInt(scale - b.scale);
  return left < right ? -1 : Number(left > right);
}

export const isSame = (a: string, b: string) => compare(exact(a), exact(b)) === 0;

/** One text for all that are equal. */
export function canonical(text: string): string {
  const { units, scale } = exact(text);
  const digits = String(units).padStart(scale + 1, '0');
  const whole = digits.slice(0, digits.length - scale);
  const fraction = digits.slice(digits.length - scale).replace(/0+$/, '');
  return scale === 0 || fraction === '' ? whole : `${whole}.${fraction}`;
}

/** At so many places, rounded up; of numbers that are not negative. */
export function roundedUp({ units, scale }: Exact, places: number): Exact {
  if (scale <= places) return { units, scale };
  const step = 10n ** BigInt(scale - places);
  return { units: (units + step - 1n) / step, scale: places };
}

/** `a` ÷ `b` at so many places, rounded down; of numbers that are not negative. Throws where `b` is zero. */
export function quotient(a: Exact, b: Exact, places: number): Exact {
  const units = (a.units * 10n ** BigInt(places + b.scale)) / (b.units * 10n ** BigInt(a.scale));
  return { units, scale: places };
}
