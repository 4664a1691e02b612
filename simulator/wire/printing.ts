import type { Clock } from '../core/clock.ts';
import type { KnobBoard } from '../core/knobs.ts';
import type { Log } from '../core/log.ts';
import type { Outgoing } from '../faults/table.ts';
import type { Incoming } from './incoming.ts';
import { type Extras, isProblemCode, Problem, problemBody, statusOf } from './problem.ts';
import type { Reply } from './routes.ts';

export type Printer = {
  /** What an operation says, or a reply that a key has kept: that may be a refusal. */
  reply(reply: Reply): Outgoing;
  /** A problem of any code; by default with the status that Conduit gives it, or 500 for a code it does not know. */
  problem(incoming: Incoming, code: string, status: number | undefined, detail: string, extras: Extras): Outgoing;
  /** A refusal, or the 500 of a bug, which is logged. */
  thrown(incoming: Incoming, error: unknown): { out: Outgoing; code: string };
};

export function createPrinter({ clock, knobs, log }: { clock: Clock; knobs: KnobBoard; log: Log }): Printer {
  function problem(
    incoming: Incoming,
    code: string,
    asked: number | undefined,
    detail: string,
    extras: Extras,
  ): Outgoing {
    const status = asked ?? (isProblemCode(code) ? statusOf(code) : 500);
    const { path: instance, correlationId } = incoming;
    const body = problemBody({ code, status, detail, extras, instance, correlationId, timestamp: clock.nowIso() });
    const headers = { 'content-type': knobs.get().problemContentType, ...extras.headers };
    return { status, headers, body: JSON.stringify(body), manner: 'whole', code };
  }

  return {
    problem,
    reply({ status, body }) {
      if (body === undefined) return { status, headers: {}, body: '', manner: 'whole' };
      const type = status < 400 ? 'application/json' : knobs.get().problemContentType;
      return { status, headers: { 'content-type': type }, body: JSON.stringify(body), manner: 'whole' };
    },
    thrown(incoming, error) {
      if (error instanceof Problem) {
        const { code, message, extras } = error;
        return { out: problem(incoming, code, undefined, message, extras), code };
      }
      log.error({ event: 'call_broke', err: error, correlation_id: incoming.correlationId });
      const code = 'INTERNAL_ERROR';
      return { out: problem(incoming, code, undefined, 'the simulator has a bug', {}), code };
    },
  };
}
