// Creations in another user's name, and under another user's idempotency key.
import { randomUUID } from 'node:crypto';
import type { Stage } from '../experiments/experiment.ts';
import { callsOf, type OrderBody } from '../load/customer-calls.ts';
import type { PlacedOrder } from '../load/run-load.ts';
import type { Customer } from '../system/system.ts';
import type { Caller } from './callers.ts';
import { ask, differenceOf, type Pass, told } from './isolation.ts';
import type { RawReply } from './raw-http.ts';
import { kindOfRoute, type Route } from './routes.ts';
import { bodyFor, factsOf } from './victims.ts';

export interface CreationAttempt {
  readonly order: PlacedOrder;
  readonly stranger: Customer;
  readonly callers: readonly Caller[];
  readonly routes: readonly Route[];
}

/** No order comes into being in another's name, and a key of one user means nothing to another. */
export async function tryCreations(stage: Stage, attempt: CreationAttempt): Promise<Pass> {
  const creates = attempt.routes.filter((route) => kindOfRoute(route) === 'create');
  const faults: string[] = [];
  let requests = 0;
  for (const route of creates) {
    for (const caller of attempt.callers) {
      const found = await (caller.kind === 'allowed'
        ? tryAllowed(stage, attempt, route, caller)
        : tryInAnothersName(stage, attempt, route, caller));
      faults.push(...found.map((fault) => `${route.method} ${route.path} by ${caller.name} ${fault}`));
      requests += 1;
    }
  }
  const found = await tryAnothersKey(stage, attempt, creates);
  faults.push(...found.map((fault) => `a create under another's key ${fault}`));
  return { requests, faults };
}

const send = ({ system }: Stage, { method, path }: Route, caller: Caller, body: object): Promise<RawReply | null> =>
  ask(system.apiUrl, caller, { method, target: () => path, body: () => JSON.stringify(body), expects: null }, '');

/** A new key, the owner's own key with the owner's own body, and the owner's id in other letters. */
async function tryInAnothersName(
  stage: Stage,
  { order }: CreationAttempt,
  route: Route,
  caller: Caller,
): Promise<string[]> {
  const { customer, body } = order.plan;
  const facts = await factsOf(stage.system, order.orderId, customer);
  const fresh = bodyFor(stage, customer, { rate: 'never' });
  const bodies: OrderBody[] = [fresh, body, { ...fresh, user_id: fresh.user_id.toUpperCase() }];
  const due = caller.kind === 'nobody' ? '401 unauthenticated' : '403 user_mismatch';
  const faults: string[] = [];
  for (const wanted of bodies) {
    const reply = await send(stage, route, caller, wanted);
    const ofNobody = await send(stage, route, caller, {
      ...wanted,
      user_id: randomUUID(),
      idempotency_key: 'of-nobody',
    });
    if (told(reply) !== due) faults.push(`was answered ${told(reply)}, and not ${due}`);
    const difference = reply && ofNobody ? differenceOf(reply, ofNobody) : 'no answer';
    if (difference !== null) faults.push(`tells a user from one that nobody is: ${difference}`);
    for (const fact of facts.filter((it) => reply?.text.includes(it))) faults.push(`shows ${fact.slice(0, 8)}…`);
  }
  const [made] = await stage.system
    .db`select 1 from orders where idempotency_key in (${fresh.idempotency_key}, 'of-nobody')`;
  if (made) faults.push('made an order');
  return faults;
}

/** The owner and a service repeat the owner's request, and are answered with its order. */
async function tryAllowed(stage: Stage, { order }: CreationAttempt, route: Route, caller: Caller): Promise<string[]> {
  const reply = await send(stage, route, caller, order.plan.body);
  const isSame = reply?.status === 200 && reply.body.includes(order.orderId);
  return isSame ? [] : [`was answered ${told(reply)}, and it is a repeat`];
}

/** The key of one user is free for another, whose order is another one, and then that other's own. */
async function tryAnothersKey(
  stage: Stage,
  { order, stranger }: CreationAttempt,
  creates: readonly Route[],
): Promise<string[]> {
  const { system, experiment, history } = stage;
  const { customer, body } = order.plan;
  const theirs = { ...body, user_id: stranger.userId };
  const calls = callsOf({ apiUrl: system.apiUrl, experiment, history }, stranger, `${experiment}-other`);
  const { orderId, status, code, replayed } = await calls.create(theirs);
  if (orderId === null || orderId === order.orderId || replayed === true)
    return [`was answered ${status} ${code} with ${orderId}`];
  const faults: string[] = [];
  const authorization = ['Authorization', `Bearer ${stranger.apiKey}`] as const;
  for (const route of creates) {
    const repeat = await send(
      stage,
      route,
      { name: 'the stranger', kind: 'allowed', headers: [authorization] },
      theirs,
    );
    if (repeat?.status !== 200 || !repeat.body.includes(orderId))
      faults.push(`is answered ${told(repeat)} when it is repeated`);
  }
  const owners = await order.calls.create(body);
  if (owners.status !== 200 || owners.orderId !== order.orderId)
    faults.push(`makes the owner's repeat ${owners.status} with ${owners.orderId}`);
  await calls.cancel(orderId);
  const rows = await system.db<{ userId: string }[]>`
    select user_id from orders where idempotency_key = ${body.idempotency_key}`;
  const users = rows.map(({ userId }) => userId).toSorted();
  if (users.join() !== [customer.userId, stranger.userId].toSorted().join())
    faults.push(`leaves orders of ${users.length} users`);
  return faults;
}
