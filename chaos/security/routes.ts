import { type ApiDeps, createApi } from '../../src/api/app.ts';
import { createLogger } from '../../src/logger.ts';

/** A route of the API as it was declared. */
export interface Route {
  /** In capitals; `ALL` answers every method. */
  readonly method: string;
  /** The template, as `/orders/:id`. */
  readonly path: string;
}

/** What a route is, for whoever calls it: it decides how it is tried, and who may have what from it. */
export type RouteKind = 'order' | 'create' | 'webhook' | 'health';

/** What the router of Express keeps of each of its layers; its own types do not tell all of it. */
interface Layer {
  readonly route?: { readonly path: unknown; readonly stack: readonly { readonly method?: string }[] };
  readonly handle?: { readonly stack?: readonly Layer[] };
  /** Whether it is mounted at the root; the path it is mounted at is kept nowhere. */
  readonly slash?: boolean;
}

/**
 * The routes that the product's own application has, read from its routers: one that is added there is tried from then on. Throws for
 * one that cannot be read.
 */
export function productRoutes(): Route[] {
  // Wiring calls nothing of what it is given but the log, and no request ever comes.
  const inert: unknown = new Proxy(() => inert, {
    get: (_target, name) => (name === Symbol.toPrimitive ? () => 0 : inert),
  });
  const log = createLogger('api', 'silent');
  const deps = new Proxy({} as ApiDeps, { get: (_target, name) => (name === 'log' ? log : inert) });
  const app = createApi(deps) as unknown as { readonly router: { readonly stack: readonly Layer[] } };
  return routesOf(app.router.stack);
}

/** The routes under these layers of a router, those of routers in it included. */
export function routesOf(layers: readonly Layer[]): Route[] {
  return layers.flatMap(({ route, handle, slash }) => {
    if (route) {
      const { path, stack } = route;
      if (typeof path !== 'string') throw new Error(`a route is declared by ${String(path)}, which is no plain path`);
      const methods = new Set(stack.map(({ method }) => method?.toUpperCase() ?? 'ALL'));
      return [...methods].map((method) => ({ method, path }));
    }
    if (!handle?.stack) return [];
    if (!slash) throw new Error('a router is mounted under a path, which cannot be read back: mount it at the root');
    return routesOf(handle.stack);
  });
}

/** Null for a route that nobody has said how to try: that is for a person to decide. */
export function kindOfRoute({ method, path }: Route): RouteKind | null {
  if (path.startsWith('/orders/:id')) return 'order';
  if (method === 'POST' && (path === '/orders' || path === '/conditional-transfers')) return 'create';
  if (method === 'POST' && path === '/webhooks/conduit') return 'webhook';
  return method === 'GET' && path.startsWith('/health/') ? 'health' : null;
}
