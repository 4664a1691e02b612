/**
 * Money of the modelled Conduit and of the laws: whole numbers of 10⁻¹⁸, so that neither shares a rounding with the decimals of `src`.
 */
const PLACES = 18;
export const ONE = 10n ** BigInt(PLACES);

export function fixed(text: string): bigint {
  const [whole = '0', fraction = ''] = text.split('.');
  return BigInt(whole) * ONE + BigInt(fraction.padEnd(PLACES, '0').slice(0, PLACES));
}

/** A positive number in plain digits, cut after `places`. */
export function plain(value: bigint, places = PLACES): string {
  const cut = value / 10n ** BigInt(PLACES - places);
  if (places === 0) return cut.toString();
  const digits = cut.toString().padStart(places + 1, '0');
  return `${digits.slice(0, -places)}.${digits.slice(-places)}`;
}

/** Rounded to the nearest unit of `places`, as Conduit rounds amounts. */
export function rounded(value: bigint, places: number): bigint {
  const unit = 10n ** BigInt(PLACES - places);
  return ((value + unit / 2n) / unit) * unit;
}

export function times(a: bigint, b: bigint): bigint {
  return (a * b) / ONE;
}
