// I7: our rows and the provider's ledger tell one story of every order, in both directions; I1: there is none besides.
import { isSame } from '../decimals.ts';
import { type Evidence, groupBy, isRefused, isTerminal, orderOf } from '../evidence.ts';
import type { AttemptRow, SendRow } from '../rows.ts';
import { broken, type Violation } from '../verdict.ts';
import type { Fact } from '../witnesses.ts';

export function judgeAgreement(evidence: Evidence): Violation[] {
  const { orders, attempts, ledger } = evidence;
  const known = new Set(orders.map(({ orderId }) => orderId));
  const ours = ledger.filter(({ reference }) => orderOf(reference) !== null);
  const strangers = new Set(ours.map(({ reference }) => orderOf(reference)).filter((id) => !known.has(id ?? '')));
  const stories = groupBy(
    ours.filter(({ order }) => order !== undefined),
    ({ orderId }) => orderId ?? null,
  );
  const twinned = new Set(ours.filter(({ twinOf }) => twinOf !== undefined).map(({ reference }) => reference));
  return [
    ...judgeReferences(evidence),
    ...[...strangers].map((orderId) => broken('I7', orderId, 'the provider knows an order of ours that has no row')),
    ...[...stories.values()].flatMap((story) => judgeStory(story, attempts, twinned)),
    ...attempts.flatMap((attempt) => judgeAttempt(attempt, stories.get(attempt.conduitOrderId ?? ''))),
    ...judgePartial(evidence, ours, twinned),
    ...judgeLive(evidence),
    ...judgeSends(evidence, ours),
  ];
}

/** What asks for money to be moved, or moves it. */
const MOVES = new Set(['order.created', 'order.claimed', 'order.succeeded', 'transaction.completed']);

/** Under a name that is no attempt's a transfer would be seen by no other law. */
function judgeReferences({ ledger }: Evidence): Violation[] {
  return ledger
    .filter(({ event, operation }) => (event === 'request.received' ? operation === 'orders.create' : MOVES.has(event)))
    .filter(({ reference }) => orderOf(reference) === null)
    .map(({ event, reference }) =>
      broken('I1', null, `${event} under ${reference ?? 'no reference'}: that is no attempt`),
    );
}

/** From the ledger: each order that the provider made for us is an attempt of ours, and has ended as we say. */
function judgeStory(
  story: readonly Fact[],
  attempts: readonly AttemptRow[],
  twinned: ReadonlySet<string | undefined>,
): Violation[] {
  const { reference, order: last } = story.at(-1) ?? {};
  const orderId = orderOf(reference);
  if (!last) return [];
  if (last.status === 'pending') return [broken('I7', orderId, `at rest ${last.id} is still open at the provider`)];
  // Two orders under one reference: a person looks, nothing is concluded from either.
  if (twinned.has(reference)) return [];
  const attempt = attempts.find((it) => it.reference === reference);
  if (!attempt) return [broken('I7', orderId, `${last.id} is of an attempt that has no row`)];
  if (attempt.conduitOrderId !== last.id)
    return [
      broken('I7', orderId, `attempt ${attempt.attempt} holds ${attempt.conduitOrderId}, the provider ${last.id}`),
    ];
  if (last.status === 'succeeded' && attempt.status !== 'succeeded')
    return [broken('I7', orderId, `${last.id} succeeded, and attempt ${attempt.attempt} is ${attempt.status}`)];
  return [];
}

/** From the rows: what an attempt says of its order at the provider is what the ledger says. */
function judgeAttempt(attempt: AttemptRow, story: readonly Fact[] | undefined): Violation[] {
  const { orderId, attempt: number, conduitOrderId, status, lockedDebit, lockedRecipient } = attempt;
  const odd = (text: string) => broken('I7', orderId, text);
  if (conduitOrderId === null)
    return status === 'succeeded' ? [odd(`attempt ${number} succeeded without an order at the provider`)] : [];
  const [born] = story ?? [];
  const end = story?.at(-1);
  if (!born?.order || !end?.order)
    return [odd(`attempt ${number} is of ${conduitOrderId}, which the provider never made`)];
  if (born.reference !== attempt.reference)
    return [odd(`attempt ${number} holds ${conduitOrderId}, which is of ${born.reference}`)];
  const isSuccess = status === 'succeeded';
  if (isSuccess && end.order.status !== 'succeeded')
    return [odd(`attempt ${number} succeeded, and ${conduitOrderId} is ${end.order.status}`)];
  const credited = (end.arrives ?? born.arrives ?? end.order.destinationAsset).amount;
  const amounts = [
    ['locked debit', lockedDebit, born.order.totalDebit.amount, lockedDebit !== null],
    ['locked amount', lockedRecipient, born.order.destinationAsset.amount, lockedRecipient !== null],
    ['settled debit', attempt.settledDebit, end.order.totalDebit.amount, isSuccess],
    ['settled amount', attempt.settledRecipient, credited, isSuccess],
  ] as const;
  return amounts
    .filter(([, here, there, isDue]) => isDue && (here === null || !isSame(here, there)))
    .map(([what, here, there]) => odd(`${what} is ${here} here and ${there} at the provider`));
}

/** An order of which a part went through has failed: neither executed nor expired, and never tried again. */
function judgePartial(
  { orders }: Evidence,
  ours: readonly Fact[],
  twinned: ReadonlySet<string | undefined>,
): Violation[] {
  const status = new Map(orders.map((order) => [order.orderId, order.status]));
  const moved = new Set(ours.flatMap(({ event, orderId }) => (event === 'transaction.completed' ? orderId : [])));
  return ours
    .filter(
      ({ event, orderId, reference }) => event === 'order.failed' && moved.has(orderId) && !twinned.has(reference),
    )
    .map(({ orderId: id, reference }) => [id, orderOf(reference) ?? ''] as const)
    .filter(([, orderId]) => status.has(orderId) && status.get(orderId) !== 'failed')
    .map(([id, orderId]) => broken('I7', orderId, `a part of ${id} went through, and it is ${status.get(orderId)}`));
}

/** At rest nothing is under way: no live attempt of an ended order, no orphan that is still followed. */
function judgeLive({ orders, attempts }: Evidence): Violation[] {
  const ended = new Set(orders.filter(({ status }) => isTerminal(status)).map(({ orderId }) => orderId));
  return attempts.flatMap(({ orderId, attempt, closedAt, orphanUntil, orphanClosedAt }) => [
    ...(closedAt === null && ended.has(orderId)
      ? [broken('I7', orderId, `it has ended, and attempt ${attempt} is still live`)]
      : []),
    ...(orphanUntil !== null && orphanClosedAt === null
      ? [broken('I7', orderId, `the orphan of attempt ${attempt} is still open`)]
      : []),
  ]);
}

/** Every request that came was written down before, and what was written of its reply is what the provider did. */
function judgeSends({ sends }: Evidence, ours: readonly Fact[]): Violation[] {
  const written = groupBy(sends, ({ idempotencyKey }) => idempotencyKey);
  const violations: Violation[] = [];
  for (const { event, key = '', reference, operation } of ours)
    if (event === 'request.received' && !written.has(key))
      violations.push(broken('I7', orderOf(reference), `${operation} came under a key that nobody wrote down: ${key}`));
  const done = groupBy(
    ours.filter(({ event, outcome }) => event === 'request.answered' && outcome === 'done'),
    ({ key }) => key ?? null,
  );
  for (const [key, its] of written) violations.push(...judgeReplies(key, its, done.get(key) ?? []));
  return violations;
}

function judgeReplies(key: string, sends: readonly SendRow[], done: readonly Fact[]): Violation[] {
  const [first] = sends;
  if (!first || first.operation === 'cancel') return [];
  const isSaidRefused = sends.every(isRefused);
  const isSaidAccepted = sends.some(({ outcome }) => outcome === 'accepted');
  if (isSaidRefused && done.length > 0)
    return [broken('I7', first.orderId, `every send under ${key} is said to have had no effect, and one did`)];
  return isSaidAccepted && done.length === 0
    ? [broken('I7', first.orderId, `a send under ${key} is said to be accepted, and the provider did nothing`)]
    : [];
}
