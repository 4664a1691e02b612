// Bugs in what is kept, told, asked and shown.
import type { Recipe } from './build.ts';
import { withOutboxApart } from './outbox-apart.ts';

const REDIS_KEYS = new URL('./redis-keys.ts', import.meta.url).href;
const ONE_ORDER_A_KEY = 'alter table orders drop constraint if exists orders_user_id_idempotency_key_key';

export const CONDUCT_BUILDS = {
  'redis-record': {
    broken:
      'Redis is the record of idempotency keys in place of the table; the unique index that forbids a second order is gone too',
    harms: ['I6'],
    caughtBy: 'B06',
    mutations: [
      {
        file: 'src/db/idempotency-keys.ts',
        text: 'export async function findKey(',
        by: `export { claimKey, findKey } from '${REDIS_KEYS}';
async function findStored(`,
      },
      {
        file: 'src/db/idempotency-keys.ts',
        text: 'export async function claimKey(',
        by: 'async function claimStored(',
      },
    ],
    unguard: [ONE_ORDER_A_KEY],
  },
  'outbox-apart': {
    broken: 'the outbox row is written after the commit, in a transaction of its own',
    harms: ['I11'],
    caughtBy: 'S2',
    wrappers: { db: withOutboxApart },
  },
  'stray-statements': {
    broken:
      'a transaction whose connection was lost goes on with its statements on the next one; the triggers that want each version with its event are gone too',
    harms: ['I11', 'I2'],
    caughtBy: 'B13',
    isEndless: true,
    mutations: [
      {
        file: 'node_modules/postgres/src/index.js',
        text: `        if (lost)
          return q.reject(lost)
`,
        by: '        // As the driver is published.\n',
      },
    ],
    unguard: [
      'drop trigger if exists event_has_its_version on order_events',
      'drop trigger if exists version_has_its_event on orders',
    ],
  },
  'no-row-is-mine': {
    broken:
      'a claim of a key that changed no row is read as "it was me"; the unique index that forbids a second order is gone too',
    harms: ['I6'],
    caughtBy: 'B06',
    mutations: [
      {
        file: 'src/db/idempotency-keys.ts',
        text: 'if (claimed.count === 1) return null;',
        by: 'if (claimed.count <= 1) return null;',
      },
    ],
    unguard: [ONE_ORDER_A_KEY],
  },
  'deaf-to-429': {
    broken: 'the gate that a Retry-After closes for all is open again at once',
    harms: ['I13'],
    caughtBy: 'B10',
    mutations: [
      {
        file: 'src/db/rate-watch.ts',
        text: `app_now() + \${forMs} * interval`,
        by: `app_now() + 0 * \${forMs}::float8 * interval`,
      },
    ],
  },
  'order-of-anybody': {
    broken: 'whoever has a key may read and cancel any order',
    harms: ['I10'],
    caughtBy: 'B11',
    mutations: [
      {
        file: 'src/api/orders.ts',
        text: 'if (!order || !actsFor(reader, order.userId)) throw notFound();',
        by: 'if (!order) throw notFound();',
      },
    ],
  },
  'talkative-log': {
    broken: 'requests are logged with their credentials, and nothing cuts them out',
    harms: ['I15'],
    caughtBy: 'B11',
    mutations: [
      {
        file: 'src/api/request-log.ts',
        text: "const LOGGED_HEADERS = ['user-agent',",
        by: "const LOGGED_HEADERS = ['authorization', 'user-agent',",
      },
      {
        file: 'src/logger.ts',
        text: "paths: ['*.authorization', '*.apiKey', '*.secret', '*.password', 'authorization', 'apiKey', 'secret'],",
        by: 'paths: [],',
      },
    ],
  },
} as const satisfies Record<string, Recipe>;
