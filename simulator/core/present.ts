/**
 * `{ [key]: value }`, or nothing at all when the value is undefined: Conduit leaves absent fields out of an order or a
 * transaction instead of printing null.
 */
export function present<K extends string, V>(key: K, value: V | undefined): { [P in K]?: V } {
  const field: { [P in K]?: V } = {};
  if (value !== undefined) field[key] = value;
  return field;
}
