import type { Database } from '../../src/db/client.ts';

/** A statement of a transaction: its text, each value in it a `?`, and those values. */
export interface Statement {
  readonly text: string;
  readonly values: readonly unknown[];
}

/** What a transaction did, told by its statements. */
export interface Watch {
  /** Before a statement of a transaction leaves. */
  readonly beforeStatement?: (statement: Statement) => Promise<void>;
  /** All statements done, COMMIT not yet sent. */
  readonly beforeCommit?: (statements: readonly Statement[]) => Promise<void>;
  /** COMMIT confirmed, the caller not yet told. */
  readonly afterCommit?: (statements: readonly Statement[]) => Promise<void>;
}

type Begin = (work: (tx: unknown) => Promise<unknown>) => Promise<unknown>;
type Query = { then: (...handlers: unknown[]) => unknown };

/** The same database, each of whose transactions is watched. Statements outside a transaction pass unseen. */
export function watchDatabase(db: Database, watch: Watch): Database {
  const begin: Begin = async (work) => {
    const statements: Statement[] = [];
    const result = await (db.begin as unknown as Begin)(async (tx) => {
      const done = await work(watchTransaction(tx as object, statements, watch));
      await watch.beforeCommit?.(statements);
      return done;
    });
    await watch.afterCommit?.(statements);
    return result;
  };
  return new Proxy(db, { get: (target, name) => (name === 'begin' ? begin : Reflect.get(target, name)) });
}

function watchTransaction(tx: object, statements: Statement[], { beforeStatement }: Watch): unknown {
  return new Proxy(tx, {
    apply(target, self, args: unknown[]) {
      const query = Reflect.apply(target as () => unknown, self, args);
      if (!isTemplate(args[0])) return query;
      const [template, ...values] = args as [TemplateStringsArray, ...unknown[]];
      const text = template.join('?').trim().replaceAll(/\s+/g, ' ');
      // A fragment of another statement is no statement: it is never awaited, so it is neither noted nor delayed.
      return onceAwaited(query as Query, async () => {
        statements.push({ text, values });
        await beforeStatement?.({ text, values });
      });
    },
  });
}

/** Which table a statement adds a row to and, where that is an event, which: the first word of that list among its values. Null for others. */
export function additionOf(
  { text, values }: Statement,
  events: readonly string[],
): { readonly into: string; readonly event?: string } | null {
  const into = /^insert into (\w+)/.exec(text)?.[1];
  if (into === undefined) return null;
  if (into !== 'order_events') return { into };
  return { into, event: String(values.find((value) => (events as readonly unknown[]).includes(value))) };
}

function isTemplate(value: unknown): value is TemplateStringsArray {
  return Array.isArray(value) && 'raw' in value;
}

/** A query of the driver runs when it is first awaited; so what goes before it happens then, too. */
function onceAwaited(query: Query, before: () => Promise<void>): Query {
  return new Proxy(query, {
    get(target, name) {
      if (name === 'then')
        return (...handlers: unknown[]) =>
          before()
            .then(() => target)
            .then(...(handlers as []));
      const value: unknown = Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}
