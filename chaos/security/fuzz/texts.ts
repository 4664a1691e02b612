// JSON as nobody should write it: single values, and whole bodies made from a right one by a few changes.
import fc from 'fast-check';

/** A member of an object, both sides as JSON text: so that a name can come twice, and a number can be too large for one. */
export type Member = readonly [name: string, value: string];

const STRINGS = [
  '',
  ' ',
  '\u0000',
  'a\u0000b',
  '\ud800',
  '\udfff\ud800',
  '\u202e\u200b\ufeff',
  '👩‍👩‍👧‍👦',
  'é'.normalize('NFD'),
  '１２.３４',
  '٣',
  '%00%2e%2e/',
  '../../etc/passwd',
  "'; drop table orders; --",
  `\${7*7}{{7*7}}`,
  '<script>alert(1)</script>',
  '1,000.00',
  ' 1',
  '1\n',
  '1e3',
  '0x10',
  '-0',
  '+1',
  '00.1',
  'NaN',
  'Infinity',
  'null',
  '__proto__',
  'constructor',
  'toString',
  '2031-02-30T10:00:00Z',
  '9999-12-31T23:59:59Z',
  '0000-01-01T00:00:00Z',
  '+275760-09-13T00:00:00Z',
  '2031-01-01T00:00:00.9999999999Z',
  '00000000-0000-0000-0000-000000000000',
  'x'.repeat(200),
  '9'.repeat(64),
  `0.${'0'.repeat(60)}1`,
].map((text) => JSON.stringify(text));

const NUMBERS = [
  '0',
  '-0',
  '20',
  '1e999',
  '-1e999',
  '1e-999',
  '1E400',
  '12345678901234567890.1234567890',
  '9'.repeat(400),
  '0.1e1',
];
const NO_JSON = [
  'NaN',
  'Infinity',
  'undefined',
  '01',
  '.5',
  '5.',
  '+5',
  "'x'",
  '"\\x41"',
  '"\\ud8"',
  '"\n"',
  '',
  '/**/1',
];
const SHAPES = [
  '{"__proto__":{"isAdmin":true}}',
  '{"constructor":{"prototype":{"isAdmin":true}}}',
  '{"toString":1,"valueOf":2,"hasOwnProperty":3}',
  '[[[]]]',
  '[null]',
  '{}',
];

/** Deeper than a recursion by hand could follow. */
const deep = fc
  .tuple(fc.constantFrom('[', '{"a":'), fc.constantFrom(10, 200, 3_000))
  .map(([open, depth]) => `${open.repeat(depth)}1${(open === '[' ? ']' : '}').repeat(depth)}`);

/** A text with half surrogates in it: `JSON.stringify` escapes them, so they come through. */
const surrogates = fc
  .array(fc.integer({ min: 0xd7f0, max: 0xe010 }), { minLength: 1, maxLength: 12 })
  .map((units) => JSON.stringify(String.fromCharCode(...units)));

const decimal = fc
  .tuple(fc.bigInt({ min: 0n, max: 10n ** 24n }), fc.option(fc.bigInt({ min: 0n, max: 10n ** 20n }), { nil: null }))
  .map(([whole, fraction]) => JSON.stringify(fraction === null ? `${whole}` : `${whole}.${fraction}`));

const small = fc
  .tuple(fc.integer({ min: 0, max: 3_000 }), fc.integer({ min: 0, max: 99 }))
  .map(([whole, cents]) => JSON.stringify(`${whole}.${String(cents).padStart(2, '0')}`));

const value: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom(...STRINGS),
  fc.constantFrom(...NUMBERS),
  fc.constantFrom(...SHAPES, ...NO_JSON, 'true', 'false', 'null'),
  fc.jsonValue({ maxDepth: 3 }).map((it) => JSON.stringify(it)),
  fc.string({ unit: 'binary', maxLength: 40 }).map((it) => JSON.stringify(it)),
  surrogates,
  decimal,
  small,
  deep,
);

const strangeName = fc.oneof(
  fc.constantFrom('"__proto__"', '"constructor"', '"toString"', '""', '"a/b~c"', '"user_id "', '"\\u0000"', '"status"'),
  fc.string({ unit: 'binary', maxLength: 20 }).map((it) => JSON.stringify(it)),
);

/** The same name for whoever reads escapes. */
function escaped(name: string): string {
  const inner: unknown = JSON.parse(name);
  return `"${String(inner).replaceAll(/./gs, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)}"`;
}

type Change = (members: readonly Member[]) => Member[];

/** One change of a body: another value, a field gone, a field more, a field twice, values exchanged. */
function change(valid: readonly Member[]): fc.Arbitrary<Change> {
  const field = fc.nat({ max: valid.length - 1 });
  const named = (index: number) => valid[index]?.[0] ?? '""';
  const known = fc.constantFrom(...valid.map(([, it]) => it));
  return fc.oneof(
    {
      weight: 6,
      arbitrary: fc.tuple(field, fc.oneof({ weight: 4, arbitrary: value }, known)).map(
        ([at, it]): Change =>
          (list) =>
            list.map(([name, old]) => [name, name === named(at) ? it : old]),
      ),
    },
    {
      weight: 2,
      arbitrary: field.map(
        (at): Change =>
          (list) =>
            list.filter(([name]) => name !== named(at)),
      ),
    },
    {
      weight: 1,
      arbitrary: fc.tuple(strangeName, value).map(
        (member): Change =>
          (list) => [member, ...list],
      ),
    },
    {
      weight: 1,
      arbitrary: fc.tuple(field, fc.oneof(value, known), fc.boolean()).map(
        ([at, it, isEscaped]): Change =>
          (list) => [...list, [isEscaped ? escaped(named(at)) : named(at), it]],
      ),
    },
  );
}

/** What is around and behind an object's text. */
type Frame = (text: string) => string;
const frame: fc.Arbitrary<Frame> = fc.oneof(
  { weight: 12, arbitrary: fc.constant<Frame>((text) => text) },
  {
    weight: 3,
    arbitrary: fc.constantFrom<Frame>(
      (text) => `\ufeff${text}`,
      (text) => ` \n\t${text}\r\n `,
      (text) => `[${text}]`,
      (text) => `${text}${text}`,
      (text) => `${text},`,
      (text) => text.replace(/\}$/, ',}'),
      (text) => `${text}//`,
      (text) => JSON.stringify(text),
      (text) => `{"order":${text}}`,
    ),
  },
  {
    weight: 1,
    arbitrary: fc.double({ min: 0, max: 1, noNaN: true }).map(
      (part): Frame =>
        (text) =>
          text.slice(0, Math.floor(part * text.length)),
    ),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(17_000, 300_000).map(
      (length): Frame =>
        (text) =>
          text.replace('{', `{"filler":"${'x'.repeat(length)}",`),
    ),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(200, 3_000).map(
      (count): Frame =>
        (text) =>
          text.replace('{', `{${Array.from({ length: count }, (_, n) => `"${n}":1,`).join('')}`),
    ),
  },
);

/** A body near to a right one, or one that has nothing to do with it. */
export function bodyNear(valid: readonly Member[]): fc.Arbitrary<string> {
  const near = fc
    .tuple(fc.array(change(valid), { maxLength: 3 }), frame)
    .map(([changes, framed]) => framed(objectOf(changes.reduce((members, one) => one(members), [...valid]))));
  return fc.oneof({ weight: 9, arbitrary: near }, value, fc.string({ unit: 'binary', maxLength: 60 }));
}

export function objectOf(members: readonly Member[]): string {
  return `{${members.map(([name, it]) => `${name}:${it}`).join(',')}}`;
}
