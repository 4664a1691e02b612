import { Decimal } from '../../../src/domain/decimal.ts';
import { sendKey } from '../../../src/domain/ids.ts';
import type { Seen } from '../../../src/domain/order.ts';
import { type Amounts, isRateMet } from '../../../src/domain/rate.ts';
import type { SendOperation } from '../../../src/domain/replies.ts';
import { permitted } from '../search/permits.ts';
import { BOUNDS, type Bounds } from '../search/rules.ts';
import { rowsOf } from './projection.ts';
import { isFree, moveOrder } from './records.ts';
import { type AttemptRow, isMovingElsewhere, type SendRow } from './tables.ts';
import type { World } from './world.ts';

/** The search bounds how often a key is used; a row does not. */
const UNBOUNDED: Bounds = { ...BOUNDS, creates: Infinity, executes: Infinity, executeKeys: Infinity };

export interface Permit {
  readonly attempt: AttemptRow;
  readonly send: SendRow;
}

/** `takePermit`: one transaction that judges the rows as they are now and writes the send; null is no permit, so no send. */
export function takePermit(
  world: World,
  seen: Seen,
  operation: 'create' | 'execute',
  keyNumber: number,
): Permit | null {
  const { tables, rules, now, timing } = world;
  const attempt = seen.attempt === null ? undefined : tables.attempts[seen.attempt - 1];
  if (!attempt) return null;
  const fact = `permit:g${attempt.number}:${operation}:v${seen.attemptVersion}`;
  if (rules.permitJudgesRow ? !isFree(world, fact, seen) : tables.facts.has(fact)) return null;
  const plan =
    operation === 'create' ? ({ kind: 'send_create' } as const) : ({ kind: 'send_execute', keyNumber } as const);
  const rows = rowsOf(tables, attempt, now, timing);
  const asked = rules.permitHeedsPause ? rows : { ...rows, order: { ...rows.order, pause: 'never' as const } };
  const done = permitted(rules, UNBOUNDED, asked, plan);
  if (!done || done === 'out_of_bounds' || !areNumbersRight(world, attempt, operation)) return null;
  const used = (operation === 'create' ? done.attempt.creates : done.attempt.executes).at(-1)?.key ?? keyNumber;
  attempt.version += 1;
  if (done.attempt.status === 'executing') attempt.status = 'executing';
  attempt.nextLookupAt = now + 2 * timing.secondMs;
  world.laws.permitted(operation);
  moveOrder(world, done.order.status, fact, operation === 'execute' ? { reason: null, providerCode: null } : {});
  return { attempt, send: insertSend(world, attempt, operation, used) };
}

/** `insertSend`: the row of a physical request, before it leaves. */
export function insertSend(world: World, attempt: AttemptRow, operation: SendOperation, keyNumber: number): SendRow {
  const again = keyNumber === 1 || operation !== 'create' ? '' : `:${keyNumber}`;
  const key = sendKey(attempt.reference, operation, keyNumber) + again;
  const send: SendRow = {
    id: `${world.nextSendId()}`,
    operation,
    keyNumber,
    key,
    permittedAt: world.now,
    outcome: null,
    code: null,
    repliedAt: null,
    retryAt: null,
  };
  if (operation !== 'cancel' && attempt.sends.some((sent) => sent.key === key)) world.counts.resends += 1;
  attempt.sends.push(send);
  world.note(() => `${operation} ${keyNumber} of attempt ${attempt.number} may leave (send ${send.id})`);
  return send;
}

/** What the SQL asks of amounts and clocks, beside the states that the search judges. */
function areNumbersRight(world: World, attempt: AttemptRow, operation: 'create' | 'execute'): boolean {
  const { tables, now } = world;
  if (now < tables.gateClosedUntil || isMovingElsewhere(tables, attempt.number)) return false;
  if (operation === 'create') return attempt.conduitOrderId === null && isRight(world, attempt.quoted);
  if (attempt.lockExpiresAt === null) return false;
  return !world.rules.lockIsVerified || (attempt.lockFault === null && isRight(world, attempt.locked));
}

function isRight({ tables: { order } }: World, amounts: Amounts | null): boolean {
  return amounts !== null && new Decimal(amounts.debit).eq(order.amount) && isRateMet(order, amounts);
}
