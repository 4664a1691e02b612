// What somebody else learns of an order, and what they move: the same as of one that does not exist, and nothing.
import { randomUUID } from 'node:crypto';
import type { Stage } from '../experiments/experiment.ts';
import type { PlacedOrder } from '../load/run-load.ts';
import type { Caller } from './callers.ts';
import { type RawReply, requestBytes, shoot } from './raw-http.ts';
import { kindOfRoute, type Route } from './routes.ts';
import { factsOf, pictureOf } from './victims.ts';

/** One request about an order, whoever makes it. */
export interface Probe {
  readonly method: string;
  readonly target: (id: string) => string;
  readonly body?: (id: string) => string;
  /** What the route answers to whom it does not let in; null where only the likeness counts. */
  readonly expects: Readonly<Record<Exclude<Caller['kind'], 'allowed'>, string>> | null;
}

export interface Attempt {
  readonly state: string;
  readonly order: PlacedOrder;
  readonly callers: readonly Caller[];
  readonly routes: readonly Route[];
}

export interface Pass {
  readonly requests: number;
  /** What did not hold, each once. */
  readonly faults: readonly string[];
}

const SIDE_BY_SIDE = 4;
const DEADLINE_MS = 15_000;

/** Tries every route about one order, by every caller, and the same about an id that nobody has. */
export async function tryOrder(stage: Stage, { state, order, callers, routes }: Attempt): Promise<Pass> {
  const { system } = stage;
  const { orderId, plan } = order;
  const facts = await factsOf(system, orderId, plan.customer);
  const before = await pictureOf(system, orderId);
  const faults = new Set<string>();
  const toNobody = new Map<string, RawReply>();
  const tasks = callers.flatMap((caller) =>
    probesFor(caller, routes).map((probe) => async () => {
      const found =
        caller.kind === 'allowed'
          ? await judgeAllowed(system.apiUrl, caller, probe, orderId)
          : await judgeRefused({ url: system.apiUrl, caller, probe, orderId, facts, toNobody });
      for (const fault of found) faults.add(`${state}: ${fault}`);
    }),
  );
  await inTurns(stage.random.shuffled(tasks));
  const after = await pictureOf(system, orderId);
  if (after !== before) faults.add(`${state}: the order was ${before} and is ${after}`);
  return { requests: tasks.length, faults: [...faults] };
}

/** Those who may, are shown it: otherwise a service that refuses everybody would pass. */
async function judgeAllowed(url: string, caller: Caller, probe: Probe, orderId: string): Promise<string[]> {
  const reply = await ask(url, caller, probe, orderId);
  const isShown = reply?.status === 200 && (probe.method === 'HEAD' || reply.body.includes(orderId));
  return isShown ? [] : [`${caller.name}: ${shown(probe)} was answered ${told(reply)}, and they may see it`];
}

interface Refusal {
  readonly url: string;
  readonly caller: Caller;
  readonly probe: Probe;
  readonly orderId: string;
  readonly facts: readonly string[];
  /** What was answered to the first who is nobody: a key that was revoked is no other nobody than one that never was. */
  readonly toNobody: Map<string, RawReply>;
}

async function judgeRefused({ url, caller, probe, orderId, facts, toNobody }: Refusal): Promise<string[]> {
  const unknown = randomUUID();
  const [about, aboutNone] = await Promise.all([ask(url, caller, probe, orderId), ask(url, caller, probe, unknown)]);
  const find = (text: string) => `${caller.name}: ${shown(probe)} ${text}`;
  if (!about || !aboutNone) return [find('was not answered')];
  const faults: string[] = [];
  const difference = differenceOf(about, aboutNone);
  if (difference !== null) faults.push(find(`tells an order from none: ${difference}`));
  if (caller.kind === 'nobody') {
    const first = toNobody.get(shown(probe)) ?? about;
    toNobody.set(shown(probe), first);
    const other = differenceOf(about, first);
    if (other !== null) faults.push(find(`tells one who is nobody from another: ${other}`));
  }
  for (const fact of facts.filter((it) => about.text.includes(it)))
    faults.push(find(`shows ${fact.slice(0, 8)}… of the order`));
  const due = caller.kind === 'allowed' ? undefined : probe.expects?.[caller.kind];
  if (due !== undefined && told(about) !== due) faults.push(find(`was answered ${told(about)}, and not ${due}`));
  // What can be asked of a path is the framework's own answer, the same for every id.
  if (about.status < 400 && probe.method !== 'OPTIONS') faults.push(find(`was answered ${about.status}`));
  return faults;
}

/** What an answer differs in from another, but for the time at which it was given; null when in nothing. */
export function differenceOf(one: RawReply, other: RawReply): string | null {
  const lines = (reply: RawReply) => reply.text.split('\r\n').filter((line) => !/^date:/i.test(line));
  const [mine, others] = [lines(one), lines(other)];
  const at = mine.findIndex((line, index) => line !== others[index]);
  if (at < 0 && mine.length === others.length) return null;
  return `"${mine[at] ?? 'no more'}" where the other says "${others[at < 0 ? mine.length : at] ?? 'no more'}"`;
}

/** `<status> <code>`, as the tables of the API have them. */
export function told(reply: RawReply | null): string {
  if (!reply) return 'nothing';
  const code = /"code":"([a-z_]+)"/.exec(reply.body)?.[1];
  return code === undefined ? String(reply.status) : `${reply.status} ${code}`;
}

const shown = ({ method, target }: Probe) => `${method} ${target(':id')}`;

/** The request id is the client's to choose: with one of our own, two answers that are the same are so to the byte. */
export async function ask(url: string, caller: Caller, probe: Probe, id: string): Promise<RawReply | null> {
  const headers = [
    ['X-Request-Id', 'probe'] as const,
    ...(probe.body ? [['Content-Type', 'application/json'] as const] : []),
    ...caller.headers,
  ];
  const bytes = requestBytes(probe.method, probe.target(id), headers, probe.body?.(id));
  const { replies } = await shoot(url, [bytes], { deadlineMs: DEADLINE_MS, isHead: probe.method === 'HEAD' });
  return replies[0] ?? null;
}

const REFUSALS = { nobody: '401 unauthenticated', stranger: '404 order_not_found' } as const;
const UNSIGNED = { nobody: '401 invalid_signature', stranger: '401 invalid_signature' } as const;

/** How a caller tries the routes: those who act for somebody try other spellings and methods, too. */
export function probesFor({ kind }: Caller, routes: readonly Route[]): Probe[] {
  const ofOrder = routes.filter((route) => kindOfRoute(route) === 'order');
  if (kind === 'allowed') return ofOrder.filter(({ method }) => method === 'GET').flatMap(plainProbes);
  const webhooks = routes.filter((route) => kindOfRoute(route) === 'webhook').map(forgedWebhook);
  if (kind === 'nobody') return [...ofOrder.flatMap(plainProbes), ...webhooks];
  return [...ofOrder.flatMap(plainProbes), ...ofOrder.flatMap(otherSpellings), ...webhooks];
}

function plainProbes({ method, path }: Route): Probe[] {
  const target = (id: string) => path.replace(':id', id);
  const head: Probe[] = method === 'GET' ? [{ method: 'HEAD', target, expects: null }] : [];
  return [{ method, target, expects: REFUSALS }, ...head];
}

function otherSpellings({ method, path }: Route): Probe[] {
  const spelled = (spell: (id: string) => string): Probe => ({
    method,
    target: (id) => spell(path.replace(':id', id)),
    expects: null,
  });
  const others = ['OPTIONS', 'DELETE', 'PUT', 'PATCH'].map((other) => ({ ...spelled((it) => it), method: other }));
  return [
    { ...spelled(() => ''), target: (id) => path.replace(':id', id.toUpperCase()) },
    spelled((it) => `${it}/`),
    spelled((it) => it.replace('orders', 'ORDERS')),
    spelled((it) => `${it}?after=0&limit=1`),
    spelled((it) => `${it}?user_id=&limit=0`),
    spelled((it) => `http://api.test${it}`),
    spelled((it) => it.replace('-', '%2D')),
    ...others,
  ];
}

/** An event that speaks of the order, and that nobody signed. */
function forgedWebhook({ method, path }: Route): Probe {
  return {
    method,
    target: () => path,
    body: (id) =>
      JSON.stringify({ id: `evt_forged_${id}`, type: 'order.completed', data: { clientReferenceId: `${id}:g1` } }),
    expects: UNSIGNED,
  };
}

/** Runs the tasks, a few at a time. */
export async function inTurns(tasks: readonly (() => Promise<void>)[]): Promise<void> {
  const left = [...tasks];
  const next = async (): Promise<void> => {
    for (let task = left.pop(); task; task = left.pop()) await task();
  };
  await Promise.all(Array.from({ length: SIDE_BY_SIDE }, next));
}
