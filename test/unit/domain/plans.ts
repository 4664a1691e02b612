import type { Attempt, Column, LookupResult, Send } from '../../../src/domain/attempt.ts';
import { decide } from '../../../src/domain/decide.ts';
import type { Action, RecordPlan, Situation } from '../../../src/domain/plan.ts';
import { aSend, aSituation, attemptIn, NOW, orderIn, seconds, TIMING } from '../../support/builders.ts';

/** The plan for an attempt in a column of the transfer table, as built and changed by `over`. */
export function plan(column: Column, over: Partial<Attempt>, around: Partial<Situation> = {}): Action {
  return decide(aSituation({ order: orderIn(column), attempt: attemptIn(column, over), ...around }), NOW, TIMING);
}

/** What a built attempt does when there is nothing to do: its next look-up is 20 s away. */
export const SLEEP_TO_LOOK_UP: Action = { kind: 'sleep', until: NOW + seconds(20), waitingFor: 'look_up' };

type FencePlan = Extract<RecordPlan, { kind: 'fence' }>;

/** "FENCE → watching", unless said otherwise. */
export function fence(over: Partial<FencePlan> = {}): Action {
  const { to = 'watching', attemptTo = 'cancelled', reason = 'provider_busy', code = null, pause = null } = over;
  return { kind: 'record', record: { kind: 'fence', to, attemptTo, reason, code, pause } };
}

/** A look-up that began a second ago. */
export function read(result: LookupResult, begunAt = NOW - seconds(1)): Partial<Attempt> {
  return { lookup: { result, begunAt } };
}

export function execute(over: Partial<Send> = {}): Send {
  return aSend({ operation: 'execute', permittedAt: NOW - seconds(100), ...over });
}

export function refusedExecute(code: string, over: Partial<Send> = {}): Send {
  return execute({ outcome: 'no_effect', code, repliedAt: NOW - seconds(99), ...over });
}

/** Nothing left within the life of its permit. */
export function unsent(agoSeconds: number, over: Partial<Send> = {}): Send {
  const at = NOW - seconds(agoSeconds);
  return aSend({ outcome: 'unsent', code: 'PERMIT_EXPIRED', permittedAt: at, repliedAt: at, ...over });
}

/** The built create of a column, and these sends after it. */
export function withSends(column: Column, ...sends: Send[]): Partial<Attempt> {
  const [create] = attemptIn(column).sends;
  return { sends: create ? [create, ...sends] : sends };
}
