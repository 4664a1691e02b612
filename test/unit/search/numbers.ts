/** Gives equal things one small number, so that a whole world is a handful of numbers. */
export class Numbered<T> {
  readonly #textOf: (value: T) => string;
  readonly #numbers = new Map<string, number>();
  readonly #values: T[] = [];

  constructor(textOf: (value: T) => string = (value) => JSON.stringify(value)) {
    this.#textOf = textOf;
  }

  of(value: T): number {
    const text = this.#textOf(value);
    const known = this.#numbers.get(text);
    if (known !== undefined) return known;
    this.#numbers.set(text, this.#values.length);
    this.#values.push(value);
    return this.#values.length - 1;
  }

  get(number: number): T {
    const value = this.#values[number];
    if (value === undefined) throw new Error(`nothing has the number ${number}`);
    return value;
  }

  get size(): number {
    return this.#values.length;
  }
}

/**
 * A set of whole numbers below 2^53 that knows each by its place, in the order in which they came. Twenty bytes a member: a Map would
 * take five times that, and the long searches hold twelve million.
 */
export class NumberSet {
  #slots = new Int32Array(1 << 16).fill(-1);
  #members = new Float64Array(1 << 15);
  size = 0;

  /** The member's place; the member is new when that is the size before the call. */
  add(member: number): number {
    if (this.size * 2 >= this.#slots.length) this.#grow();
    const slot = this.#slotOf(member);
    const place = this.#slots[slot] ?? -1;
    if (place !== -1) return place;
    this.#slots[slot] = this.size;
    this.#members[this.size] = member;
    this.size += 1;
    return this.size - 1;
  }

  at(place: number): number {
    return this.#members[place] ?? Number.NaN;
  }

  /** Where the member stands, or the free slot where it belongs. */
  #slotOf(member: number): number {
    const mask = this.#slots.length - 1;
    let mixed = Math.imul((member % 2 ** 32) | 0, 0x9e3779b1) ^ Math.imul(Math.floor(member / 2 ** 32), 0x85ebca6b);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x2c1b3c6d);
    for (let slot = (mixed ^ (mixed >>> 13)) & mask; ; slot = (slot + 1) & mask) {
      const place = this.#slots[slot] ?? -1;
      if (place === -1 || this.#members[place] === member) return slot;
    }
  }

  #grow(): void {
    const members = new Float64Array(this.#slots.length);
    members.set(this.#members);
    this.#members = members;
    this.#slots = new Int32Array(this.#slots.length * 2).fill(-1);
    for (let place = 0; place < this.size; place += 1) this.#slots[this.#slotOf(this.at(place))] = place;
  }
}
