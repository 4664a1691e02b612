import type { Database } from '../../src/db/client.ts';

type Work = (tx: unknown) => Promise<unknown>;
type Statement = (...args: unknown[]) => Promise<unknown>;

/** The same database, but what a transaction writes into the outbox is written after its commit, in a transaction of its own. */
export function withOutboxApart(db: Database): Database {
  const begin = async (work: Work): Promise<unknown> => {
    const withheld: unknown[][] = [];
    const result = await (db.begin as unknown as (work: Work) => Promise<unknown>)((tx) =>
      work(withholding(tx, withheld)),
    );
    for (const args of withheld) await (db as unknown as Statement)(...args);
    return result;
  };
  return new Proxy(db, { get: (target, name) => (name === 'begin' ? begin : Reflect.get(target, name)) });
}

function withholding(tx: unknown, withheld: unknown[][]): unknown {
  return new Proxy(tx as object, {
    apply(target, self, args: unknown[]) {
      const [strings] = args;
      const isMessage = Array.isArray(strings) && String(strings[0]).trimStart().startsWith('insert into outbox');
      if (!isMessage) return Reflect.apply(target as () => unknown, self, args);
      withheld.push(args);
      return Promise.resolve([]);
    },
  });
}
