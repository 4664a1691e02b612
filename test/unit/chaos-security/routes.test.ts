import { expect, test } from '@jest/globals';
import express, { Router } from 'express';
import { unasked } from '../../../chaos/security/fuzz/known.ts';
import { kindOfRoute, productRoutes, routesOf } from '../../../chaos/security/routes.ts';

const layersOf = (app: unknown) => (app as { router: { stack: Parameters<typeof routesOf>[0] } }).router.stack;

test('every route of the product has a rule by which it is tried, and a request of its own', () => {
  const routes = productRoutes();
  const without = routes.filter((route) => kindOfRoute(route) === null);
  // A new route belongs into kindOfRoute, and a request for it into chaos/security/fuzz/known.ts.
  expect(without).toEqual([]);
  expect(unasked(routes)).toEqual([]);
  expect(new Set(routes.map(kindOfRoute))).toEqual(new Set(['order', 'create', 'webhook', 'health']));
});

test('routes of routers in routers are read, each method once', () => {
  const inner = Router()
    .get('/inner', () => {})
    .delete('/inner', () => {});
  const app = express().use(Router().use(inner));
  app.route('/any').all(() => {});
  app.post(
    '/outer',
    () => {},
    () => {},
  );
  expect(routesOf(layersOf(app))).toEqual([
    { method: 'GET', path: '/inner' },
    { method: 'DELETE', path: '/inner' },
    { method: 'ALL', path: '/any' },
    { method: 'POST', path: '/outer' },
  ]);
});

test('a route that nobody knows has no rule', () => {
  expect(kindOfRoute({ method: 'GET', path: '/users/:id' })).toBeNull();
  expect(kindOfRoute({ method: 'GET', path: '/webhooks/conduit' })).toBeNull();
  expect(unasked([{ method: 'GET', path: '/users/:id' }])).toHaveLength(1);
});

test('what cannot be read back is refused, not left out', () => {
  const mounted = express().use(
    '/v1',
    Router().get('/orders', () => {}),
  );
  expect(() => routesOf(layersOf(mounted))).toThrow('mounted under a path');
  const pattern = express().get(/^\/orders/, () => {});
  expect(() => routesOf(layersOf(pattern))).toThrow('no plain path');
});
