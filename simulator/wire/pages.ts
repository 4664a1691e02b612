import { invalid, Problem } from './problem.ts';

export type Page = {
  data: unknown[];
  meta: { mode: 'cursor'; nextCursor: string | null; previousCursor: string | null; total: number };
};

const DEFAULT_LIMIT = 20;
const MAX_LIMIT = 100;

function encode(id: string): string {
  return Buffer.from(JSON.stringify({ id })).toString('base64url');
}

function decode(cursor: string): string {
  try {
    const { id }: { id: unknown } = JSON.parse(Buffer.from(cursor, 'base64url').toString());
    if (typeof id === 'string') return id;
  } catch {
    // Answered below, like a cursor of the wrong shape.
  }
  throw new Problem('INVALID_CURSOR', 'the cursor is not one of ours');
}

function limitOf(query: URLSearchParams): number {
  const text = query.get('limit') ?? String(DEFAULT_LIMIT);
  const limit = /^\d{1,3}$/.test(text) ? Number(text) : 0;
  if (limit < 1 || limit > MAX_LIMIT) throw invalid('/limit', `must be from 1 to ${MAX_LIMIT}`);
  return limit;
}

/**
 * One page of items that are sorted newest first. `forward` goes on after the cursor's item and `backward` shows those
 * right before it; both in the one same order.
 */
export function page<T extends { id: string }>(items: T[], query: URLSearchParams): Page {
  const limit = limitOf(query);
  const direction = query.get('direction') ?? 'forward';
  if (direction !== 'forward' && direction !== 'backward') {
    throw invalid('/direction', 'must be forward or backward', ['forward', 'backward']);
  }
  const cursor = query.get('cursor');
  let start = 0;
  if (cursor !== null) {
    const id = decode(cursor);
    const index = items.findIndex((item) => item.id === id);
    if (index < 0) throw new Problem('INVALID_CURSOR', 'the cursor points at nothing');
    start = direction === 'forward' ? index + 1 : Math.max(index - limit, 0);
  }
  const data = items.slice(start, start + limit);
  const last = data.at(-1);
  const first = data.at(0);
  return {
    data,
    meta: {
      mode: 'cursor',
      nextCursor: last && start + data.length < items.length ? encode(last.id) : null,
      previousCursor: first && start > 0 ? encode(first.id) : null,
      total: items.length,
    },
  };
}

/** A list parameter in any of its spellings: `status=a&status=b`, `status[]=a`, `status=a,b`. */
export function listParameter(query: URLSearchParams, name: string): string[] {
  return [...query.getAll(name), ...query.getAll(`${name}[]`)].flatMap((text) => text.split(','));
}

/** Refuses parameters that are not known: a filter that is silently ignored would answer with the wrong orders. */
export function onlyParameters(query: URLSearchParams, known: string[]): void {
  for (const name of query.keys()) {
    if (!known.includes(name.replace(/\[\]$/, ''))) throw invalid(`/${name}`, 'is not a known parameter');
  }
}
