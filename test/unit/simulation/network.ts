import { NOT_CONNECTED, outcomeOfProblem } from '../../../src/domain/replies.ts';
import type { Reply, Request } from './conduit.ts';
import type { SendFault } from './history.ts';
import type { Reading, SendResult } from './readings.ts';
import type { Steps } from './steps.ts';
import type { World } from './world.ts';

/** A request of ours is given up after this long in all. */
export const DEADLINE_MS = 10_000;

export interface Exchange {
  readonly result: SendResult;
  readonly order: Reading['order'] | null;
}

const learnt = (outcome: SendResult['outcome'], code: string | null, httpStatus: number | null = null): Exchange => ({
  result: { outcome, code, httpStatus, retryAfterMs: null },
  order: null,
});

/** One request and its own reply, whatever the network makes of them. */
export function* exchange(world: World, request: Request): Steps<Exchange> {
  const { latencyMs } = world.history.terms.conduit;
  const fault = world.sendFaults[request.operation].shift();
  world.note(() => `${request.operation} leaves${fault ? `; ${JSON.stringify(fault)}` : ''}`);
  switch (fault?.kind) {
    case 'not_connected':
      yield 1;
      return learnt('no_effect', NOT_CONNECTED);
    case 'refused':
      yield 2 * latencyMs;
      return answered(request, { ...fault, order: null });
    case 'lost_request':
      yield DEADLINE_MS;
      return learnt('unknown', 'TIMEOUT');
    default:
      return yield* delivered(world, request, fault ?? null);
  }
}

function* delivered(world: World, request: Request, fault: SendFault | null): Steps<Exchange> {
  const { latencyMs } = world.history.terms.conduit;
  const delayMs = latencyMs + (fault?.kind === 'late' ? fault.ms : 0);
  const call = world.send(request, delayMs);
  const isReplyLost = fault?.kind === 'lost_reply' || delayMs + latencyMs > DEADLINE_MS;
  yield isReplyLost ? DEADLINE_MS : delayMs + latencyMs;
  if (isReplyLost || !call.reply) return learnt('unknown', 'TIMEOUT');
  if (fault?.kind === 'garbled') return learnt('unknown', 'MALFORMED_REPLY', fault.status);
  return answered(request, call.reply);
}

function answered({ operation }: Request, { status, code, retryAfterMs, order }: Reply): Exchange {
  if (status < 300)
    return { result: { outcome: 'accepted', code: null, httpStatus: status, retryAfterMs: null }, order };
  const outcome = outcomeOfProblem(operation, status, code ?? '');
  return { result: { outcome, code, httpStatus: status, retryAfterMs }, order: null };
}
