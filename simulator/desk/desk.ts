import { z } from 'zod';
import { matchPath } from '../wire/incoming.ts';
import { type DeskDeps, DeskError } from './desk-route.ts';
import { experimentRoutes } from './experiment-routes.ts';
import { orderRoutes } from './order-routes.ts';
import { witnessRoutes } from './witness-routes.ts';

type DeskReply = { status: number; body: unknown };
export type Desk = {
  answer(method: string, path: string, query: URLSearchParams, body: string): Promise<DeskReply>;
};

function parsedBody(text: string): unknown {
  if (text === '') return undefined;
  try {
    return JSON.parse(text);
  } catch {
    throw new DeskError(400, 'the body is not JSON');
  }
}

export function createDesk(deps: DeskDeps): Desk {
  const routes = [...experimentRoutes(deps), ...orderRoutes(deps), ...witnessRoutes(deps)];

  async function run(method: string, path: string, query: URLSearchParams, text: string): Promise<unknown> {
    for (const route of routes) {
      const params = route.method === method ? matchPath(route.path, path) : undefined;
      if (!params) continue;
      const body = parsedBody(text);
      const reply = await route.run({ params, query, body });
      // In the ledger, so that an auditor sees what was done to the market and to the orders by hand.
      if (method !== 'GET') deps.book.record({ event: 'control.used', what: `${method} ${path}`, with: body });
      await deps.book.committed();
      return reply;
    }
    throw new DeskError(404, `${method} ${path} is not a control`);
  }

  return {
    async answer(method, path, query, text) {
      try {
        return { status: 200, body: (await run(method, path, query, text)) ?? {} };
      } catch (error) {
        if (error instanceof z.ZodError) return { status: 400, body: { error: z.prettifyError(error) } };
        if (error instanceof DeskError) return { status: error.status, body: { error: error.message } };
        throw error;
      }
    },
  };
}
