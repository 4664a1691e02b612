import type { ConduitClient } from '../../clients/conduit/client.ts';
import { type AttemptRow, findAttempt } from '../../db/attempts.ts';
import type { Database } from '../../db/client.ts';
import { findOrder } from '../../db/orders.ts';
import { closeGate, gateClosedForMs } from '../../db/rate-watch.ts';
import { placedSince } from '../../db/reconcile.ts';
import { Decimal } from '../../domain/decimal.ts';
import { attemptReference } from '../../domain/ids.ts';
import type { Instant, OrderStatus } from '../../domain/order.ts';
import type { ProviderOrder } from '../../domain/provider-order.ts';
import { CommandError } from '../command.ts';
import type { PatientAsk } from './conduit.ts';
import { listOrdersOf } from './conduit-list.ts';

/** How one order at Conduit and our row of it stand to each other. `orphan`: closed here, still open there, and being followed. */
export type Standing = { readonly kind: 'agrees' | 'orphan' } | { readonly kind: 'disagrees'; readonly what: string };

const AGREES = { kind: 'agrees' } as const;
const disagrees = (what: string): Standing => ({ kind: 'disagrees', what });
const isLive = ({ status }: AttemptRow) => status === 'prepared' || status === 'created' || status === 'executing';

/** Whether our rows tell the story that Conduit tells: the same order, the same class of state, the same amounts. */
export function standingOf(orderStatus: OrderStatus, row: AttemptRow, theirs: ProviderOrder): Standing {
  if (row.conduitOrderId !== null && row.conduitOrderId !== theirs.id)
    return disagrees(`our row knows it as ${row.conduitOrderId}`);
  if (theirs.status === 'succeeded') {
    if (row.status === 'succeeded' && orderStatus === 'executed') return amountsOf(row, theirs);
    return disagrees(`has succeeded, and our attempt is ${row.status}, its order ${orderStatus}`);
  }
  if (row.status === 'succeeded') return disagrees(`is ${stateOf(theirs)}, and our attempt has succeeded`);
  if (theirs.status !== 'pending')
    return isLive(row) ? disagrees(`is ${theirs.status}, and our attempt is still ${row.status}`) : AGREES;
  if (theirs.isClaimed)
    return row.status === 'executing' ? AGREES : disagrees(`is claimed, and our attempt is ${row.status}`);
  if (isLive(row))
    return row.conduitOrderId === null ? disagrees('is there, and our attempt does not know its id') : AGREES;
  const isFollowed = row.orphanUntil !== null && row.orphanClosedAt === null;
  return isFollowed ? { kind: 'orphan' } : disagrees(`is open, our attempt is ${row.status}, and nobody follows it`);
}

function amountsOf(
  { settledDebit, settledRecipient }: AttemptRow,
  { totalDebit, destination }: ProviderOrder,
): Standing {
  const ours = [settledDebit, settledRecipient];
  const theirs = [totalDebit.amount, destination.amount];
  const isSame = ours.every((amount, i) => amount !== null && new Decimal(amount).eq(theirs[i] ?? 0));
  return isSame
    ? AGREES
    : disagrees(`moved ${theirs.join(' for ')}, and our row says ${ours.map((it) => it ?? 'nothing').join(' for ')}`);
}

function stateOf({ status, isClaimed }: ProviderOrder): string {
  return isClaimed ? 'claimed' : status;
}

export interface ProviderLedgerDeps extends Pick<PatientAsk, 'ask'> {
  readonly db: Database;
  readonly conduit: Pick<ConduitClient, 'listOrders' | 'getOrder'>;
  readonly baseUrl: string;
  readonly organisation: string;
  readonly wait: (ms: number) => Promise<void>;
  /** Says that something is waited for. */
  readonly tell: (line: string) => void;
  readonly settleMs?: number;
}

export interface ProviderComparison {
  readonly listed: number;
  readonly orphans: number;
  /** Under no reference of ours, or under one of an order that is not here: another installation's, or lost ones. */
  readonly unknown: readonly string[];
  readonly disagreements: readonly { readonly reference: string; readonly what: string }[];
}

interface Pair {
  readonly orderId: string;
  readonly attempt: number;
  /** Null: the list does not show it. */
  readonly theirs: ProviderOrder | null;
}

const PAGE = 200;
/** Two calls a second at most: the service has the rest. */
const PACE_MS = 500;
/** A look-up comes every 30 s, and so does a pass over the orphans: what nobody has learnt by then, nobody is about to. */
const SETTLE_MS = 45_000;
const LOOK_AGAIN_MS = 5_000;
/** As many as are looked at again one by one; more disagree for one reason, which shows in these. */
const MAX_AGAIN = 50;
/** A longer silence than that is for a person to wait out. */
const MAX_GATE_MS = 60_000;

/** Holds Conduit's orders since then against our rows, and our rows since then against Conduit. Reads only, on both sides. */
export async function compareProvider(deps: ProviderLedgerDeps, since: Instant): Promise<ProviderComparison> {
  const polite = { ...deps, ...politeReads(deps) };
  const { ours, foreign, unreadable } = await listOrdersOf(polite, deps, { createdFrom: since });
  const unknown = foreign.map(({ id, reference }) => `${id} (${reference ?? 'no reference'})`);
  const disagreements =
    unreadable === 0 ? [] : [{ reference: `${unreadable} of the list`, what: 'cannot be read as orders' }];
  const suspects: Pair[] = [];
  let orphans = 0;
  for (const { orderId, attempt, reference, orders } of ours) {
    const [theirs, second] = orders;
    if (second)
      disagreements.push({ reference, what: `two orders at Conduit: ${orders.map(({ id }) => id).join(', ')}` });
    else if (!(await findOrder(deps.db, orderId))) unknown.push(`${theirs?.id} (${reference}: no such order here)`);
    else {
      const standing = await standingNow(deps, { orderId, attempt, theirs: theirs ?? null });
      if (standing.kind === 'orphan') orphans += 1;
      if (standing.kind === 'disagrees') suspects.push({ orderId, attempt, theirs: theirs ?? null });
    }
  }
  suspects.push(...(await notListed(deps, since, new Set(ours.map(({ reference }) => reference)))));
  disagreements.push(...(await untilSettled(polite, suspects)));
  return { listed: ours.length, orphans, unknown, disagreements };
}

async function notListed(deps: ProviderLedgerDeps, since: Instant, listed: ReadonlySet<string>): Promise<Pair[]> {
  const missing: Pair[] = [];
  for (let after: string | null = null; ; ) {
    const page: Awaited<ReturnType<typeof placedSince>> = await placedSince(deps.db, deps, since, after, PAGE);
    for (const { orderId, attempt, reference } of page)
      if (!listed.has(reference)) missing.push({ orderId, attempt, theirs: null });
    after = page.at(-1)?.reference ?? null;
    if (page.length < PAGE || after === null) return missing;
  }
}

async function standingNow(
  { db }: Pick<ProviderLedgerDeps, 'db'>,
  { orderId, attempt, theirs }: Pair,
): Promise<Standing> {
  const row = await findAttempt(db, orderId, attempt);
  const order = await findOrder(db, orderId);
  if (!order || !row)
    return disagrees(`${theirs?.id ?? 'it'} is at Conduit, and its row is lost: see Restore of PostgreSQL`);
  if (!theirs) return disagrees(`our row has ${row.conduitOrderId ?? 'no id'}, and Conduit does not show it`);
  const standing = standingOf(order.status, row, theirs);
  return standing.kind === 'disagrees' ? disagrees(`${theirs.id} ${standing.what}`) : standing;
}

/** The rows are a few seconds behind Conduit by right. Each suspect is read anew, on both sides, until they meet or it is plain that they will not. */
async function untilSettled(
  deps: ProviderLedgerDeps & ReturnType<typeof politeReads>,
  suspects: readonly Pair[],
): Promise<{ reference: string; what: string }[]> {
  const { settleMs = SETTLE_MS } = deps;
  const giveUpAt = performance.now() + settleMs;
  let left = suspects.slice(0, MAX_AGAIN);
  const rest = suspects.slice(MAX_AGAIN);
  if (suspects.length > 0)
    deps.tell(`${suspects.length} do not agree yet: looking again, for up to ${settleMs / 1_000} s.`);
  for (;;) {
    const standings = [];
    for (const pair of left) {
      const theirs = await readAnew(deps, pair);
      standings.push({ ...pair, theirs, standing: await standingNow(deps, { ...pair, theirs }) });
    }
    const still = standings.filter(({ standing }) => standing.kind === 'disagrees');
    if (still.length === 0 || performance.now() > giveUpAt) {
      const all = [
        ...still,
        ...(await Promise.all(rest.map(async (pair) => ({ ...pair, standing: await standingNow(deps, pair) })))),
      ];
      return all.flatMap(({ orderId, attempt, standing }) =>
        standing.kind === 'disagrees' ? [{ reference: attemptReference(orderId, attempt), what: standing.what }] : [],
      );
    }
    left = still;
    await deps.wait(LOOK_AGAIN_MS);
  }
}

async function readAnew(
  deps: ProviderLedgerDeps & ReturnType<typeof politeReads>,
  pair: Pair,
): Promise<ProviderOrder | null> {
  const row = await findAttempt(deps.db, pair.orderId, pair.attempt);
  const id = pair.theirs?.id ?? row?.conduitOrderId;
  if (!id) return null;
  const reply = await deps.ask(() => deps.getOrder(id));
  return reply.kind === 'found' ? reply.order : null;
}

/** The service runs meanwhile, on the same allowance: no call is made while the gate is closed, and a 429 closes it for all. */
function politeReads({ db, conduit, wait, tell }: ProviderLedgerDeps) {
  async function politely<R extends { readonly kind: string }>(read: () => Promise<R>): Promise<R> {
    for (let ms = await gateClosedForMs(db); ms > 0; ms = await gateClosedForMs(db)) {
      if (ms > MAX_GATE_MS)
        throw new CommandError(
          `Conduit asks everybody to be left alone for ${Math.ceil(ms / 1_000)} s more: try again then.`,
        );
      tell(`Conduit asks everybody for patience: waiting ${Math.ceil(ms / 1_000)} s.`);
      await wait(ms);
    }
    await wait(PACE_MS);
    const reply = await read();
    if (reply.kind === 'rate_limited' && 'retryAfterMs' in reply) await closeGate(db, Number(reply.retryAfterMs));
    return reply;
  }
  const listOrders: ConduitClient['listOrders'] = (filter) => politely(() => conduit.listOrders(filter));
  const getOrder: ConduitClient['getOrder'] = (id) => politely(() => conduit.getOrder(id));
  return { listOrders, getOrder };
}
