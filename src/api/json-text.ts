// What a well-formed JSON text shows that JSON.parse does not tell.

/** A string, whole, or one of the marks that stand outside of strings. */
const TOKEN = /"[^"\\]*(?:\\.[^"\\]*)*"|[{}[\],]/g;

interface Token {
  readonly text: string;
  /** How many objects and arrays are open behind it. */
  readonly depth: number;
}

function* tokensOf(json: string): Generator<Token> {
  let depth = 0;
  for (const [text] of json.matchAll(TOKEN)) {
    if (text === '{' || text === '[') depth += 1;
    else if (text === '}' || text === ']') depth -= 1;
    yield { text, depth };
  }
}

/**
 * The names that the outermost object has more than once, each said once. JSON.parse takes the last of them and says nothing; of
 * two amounts neither is surely the one that was meant.
 */
export function repeatedNames(json: string): string[] {
  const seen = new Set<string>();
  const repeated = new Set<string>();
  let isNameNext = false;
  for (const { text, depth } of tokensOf(json)) {
    if (isNameNext && text.startsWith('"')) {
      // `"\u0061mount"` is the same name as `"amount"`.
      const name = JSON.parse(text) as string;
      (seen.has(name) ? repeated : seen).add(name);
    }
    isNameNext = depth === 1 && (text === '{' || text === ',');
  }
  return [...repeated];
}

/** How deep objects and arrays stand in each other: 0 for a bare value. */
export function depthOf(json: string): number {
  let deepest = 0;
  for (const { depth } of tokensOf(json)) deepest = Math.max(deepest, depth);
  return deepest;
}
