import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { depthOf, repeatedNames } from '../../../src/api/json-text.ts';

test.each([
  ['{"a":1,"a":2}', ['a']],
  ['{"a":1,"b":2,"a":3,"b":4,"a":5}', ['a', 'b']],
  ['{"amount":"1","\\u0061mount":"2"}', ['amount']],
  ['{ "a" : 1 ,\n\t"a"\r: 2 }', ['a']],
  ['{"":1,"":2}', ['']],
  ['{"__proto__":1,"__proto__":2}', ['__proto__']],
  ['{"a\\"b":1,"a\\"b":2}', ['a"b']],
  ['\ufeff{"a":{"a":1},"a":[]}', ['a']],
  ['{"a":"a","b":"a,\\"a\\":1"}', []],
  ['{"a":{"b":1},"b":{"b":{"b":2}}}', []],
  ['{"a":["x","x",{"a":1}],"x":"a"}', []],
  ['{"a":"\\\\","b":"a"}', []],
  ['{}', []],
  ['"a"', []],
])('%s repeats %j', (json, names) => {
  expect(repeatedNames(json)).toEqual(names);
});

const objects = fc.dictionary(fc.string({ unit: 'binary' }), fc.jsonValue({ maxDepth: 3 }), { maxKeys: 6 });

test('no object that JSON.stringify has written repeats a name, and any name that is added again is found', () => {
  fc.assert(
    fc.property(objects, fc.nat(), fc.jsonValue(), fc.boolean(), (object, pick, value, isFirst) => {
      const json = JSON.stringify(object, null, pick % 3);
      expect(repeatedNames(json)).toEqual([]);
      const names = Object.keys(object);
      const name = names[pick % names.length];
      if (name === undefined) return;
      const escaped = pick % 2 === 0 ? escapedText(name) : JSON.stringify(name);
      const again = `${escaped}:${JSON.stringify(value)}`;
      // By functions: in a replacement that is text a dollar sign means something else.
      const twice = isFirst ? json.replace('{', () => `{${again},`) : json.replace(/\}$/, () => `,${again}}`);
      expect(Object.keys(JSON.parse(twice)).sort()).toEqual([...names].sort());
      expect(repeatedNames(twice)).toEqual([name]);
    }),
  );
});

/** Every character in its long form. */
function escapedText(text: string): string {
  const units = Array.from({ length: text.length }, (_, at) => text.charCodeAt(at).toString(16).padStart(4, '0'));
  return `"${units.map((unit) => `\\u${unit}`).join('')}"`;
}

test('depth counts what is open at once, and no bracket in a string', () => {
  expect(['1', '[]', '{"a":[{}]}', '[[],[]]', '["[[["]', '{"]":"\\"[["}'].map(depthOf)).toEqual([0, 1, 3, 2, 1, 1]);
  expect(depthOf('['.repeat(20_000) + ']'.repeat(20_000))).toBe(20_000);
});
