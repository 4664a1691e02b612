// A small program under load, for the test beside it: what an outage does to the driver may end the process it runs in.
import { setTimeout as sleep } from 'node:timers/promises';
import { connectDatabase, inTransaction, isDatabaseUnavailable } from '../../../src/db/client.ts';

const [, , url = '', seconds = '1'] = process.argv;
const db = connectDatabase({ url, applicationName: 'driver-load', maxConnections: 4 });
const until = Date.now() + Number(seconds) * 1_000;
const counts = { done: 0, unavailable: 0, other: 0 };

async function client(): Promise<void> {
  while (Date.now() < until) {
    try {
      await inTransaction(db, async (tx) => {
        await tx`select 1`;
        await tx`select ${'x'.repeat(2_000)}::text, ${['a', 'b']}::text[]`;
      });
      await db`select 1`;
      counts.done += 1;
    } catch (error) {
      counts[isDatabaseUnavailable(error) ? 'unavailable' : 'other'] += 1;
      await sleep(5);
    }
  }
}

await Promise.all(Array.from({ length: 12 }, client));
// After the outage: every connection of the pool works at once.
const startedAt = performance.now();
await Promise.all(Array.from({ length: 8 }, () => db`select pg_sleep(0.01)`));
const afterMs = Math.round(performance.now() - startedAt);
await db.end({ timeout: 2 });
process.stdout.write(`${JSON.stringify({ ...counts, afterMs })}\n`);
