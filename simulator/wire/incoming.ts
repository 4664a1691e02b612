import { Problem } from './problem.ts';
import type { Route } from './routes.ts';

/** A request as it was read off the wire. */
export type Incoming = {
  method: string;
  /** Without the query. */
  path: string;
  query: URLSearchParams;
  header(name: string): string | undefined;
  body: string;
  correlationId: string;
};

export type Matched = { route: Route; params: Record<string, string> };

/** The JSON of a request, or undefined when it has no body; a body without a type is read as JSON. */
export function jsonBody(incoming: Incoming): unknown {
  if (incoming.body === '') return undefined;
  const type = incoming.header('content-type');
  if (type !== undefined && !/^application\/json\s*(;|$)/i.test(type)) {
    throw new Problem('UNSUPPORTED_MEDIA_TYPE', 'send application/json');
  }
  try {
    return JSON.parse(incoming.body);
  } catch {
    throw new Problem('MALFORMED_JSON', 'the body is not JSON');
  }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // It is no id of ours then, and is refused as malformed.
  }
}

/** The parameters of a path that fits a pattern like `/orders/:id`, or undefined. */
export function matchPath(pattern: string, path: string): Record<string, string> | undefined {
  const wanted = pattern.split('/');
  const given = path.split('/');
  if (wanted.length !== given.length) return undefined;
  const params: Record<string, string> = {};
  for (const [index, part] of wanted.entries()) {
    const text = given[index] ?? '';
    if (part.startsWith(':')) params[part.slice(1)] = decoded(text);
    else if (part !== text) return undefined;
  }
  return params;
}
