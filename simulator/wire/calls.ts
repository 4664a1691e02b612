import type { Book } from '../book/book.ts';
import type { Claim, Idempotency } from '../book/idempotency.ts';
import type { Log } from '../core/log.ts';
import { present } from '../core/present.ts';
import type { FaultRules } from '../faults/rules.ts';
import { type ActingFault, type FaultTools, faultsOf, type Outgoing } from '../faults/table.ts';
import type { Twists } from '../faults/twists.ts';
import type { Gate } from './auth.ts';
import { type Facts, factsOf, textOf } from './facts.ts';
import { type Incoming, jsonBody, type Matched } from './incoming.ts';
import { KEYED_OPERATIONS, MONEY_OPERATIONS } from './operations.ts';
import type { Printer } from './printing.ts';
import { invalid, type Problem } from './problem.ts';
import type { RequestLog } from './requests.ts';

export type Calls = {
  /** Answers one request to /v2, through whatever fault is armed for it; nothing leaves before it is in the ledger. */
  answer(incoming: Incoming, matched: Matched): Promise<Outgoing>;
  /** Answers a request that no route fits; the gate comes first, as for any other. */
  unknown(incoming: Incoming, problem: Problem): Outgoing;
};

type CallsDeps = {
  book: Book;
  gate: Gate;
  idempotency: Idempotency;
  rules: FaultRules;
  tools: Pick<FaultTools, 'sleep' | 'random'>;
  requests: RequestLog;
  printer: Printer;
  log: Log;
};

/** What a problem that no rule of Conduit's called for says of itself. */
const ARMED = 'a fault was armed';

type Outcome = 'done' | 'refused' | 'replayed' | 'kept_from_effect';
type Told = { code?: string; body?: unknown; headers?: Outgoing['headers'] };
type Note = (outcome: Outcome, status: number | null, told?: Told) => void;

/** Takes down that a request came and, through the returned function, what became of it. */
function noteArrival(
  { book, requests, log }: CallsDeps,
  requestId: string,
  operation: string,
  facts: Facts,
  faults: ActingFault[],
): Note {
  const seen = requests.note({ atMs: Date.now(), operation, ...facts });
  const { pair: _pair, ...fact } = facts;
  const isMoney = MONEY_OPERATIONS.has(operation);
  if (isMoney) book.record({ event: 'request.received', requestId, operation, ...fact });
  return (outcome, status, { code, body, headers } = {}) => {
    const retryAfter = headers?.['retry-after'];
    Object.assign(seen, { status, ...present('code', code), ...present('retryAfter', retryAfter) });
    const orderId = facts.orderId ?? textOf((body as { id?: unknown } | undefined)?.id);
    log.debug({ event: 'call', operation, outcome, status, code, order: orderId, correlation_id: requestId });
    if (!isMoney) return;
    const named = { ...fact, ...present('orderId', orderId), ...present('code', code) };
    const struckBy = faults.map(({ name }) => name);
    book.record({ event: 'request.answered', requestId, operation, status, outcome, faults: struckBy, ...named });
  };
}

function twistsOf(faults: ActingFault[]): Twists {
  return Object.assign({}, ...faults.map(({ fault, params }) => fault.twist?.(params))) as Twists;
}

/** A reply in place of any effect, and whether it is Conduit's own word. */
async function earlyReply(faults: ActingFault[], tools: FaultTools) {
  for (const { fault, params } of faults) {
    const out = await fault.before?.(params, tools);
    if (out) return { out, isConduits: fault.isConduits === true };
  }
  return undefined;
}

/** What Conduit says of an effect: a fault may put its own words in place of the true ones. */
function answered(faults: ActingFault[], out: Outgoing, tools: FaultTools): Outgoing {
  return faults.reduce((said, { fault, params }) => fault.answer?.(params, said, tools) ?? said, out);
}

function keepRefusal(claim: Claim | undefined, out: Outgoing): boolean {
  return out.status >= 400 && claim?.keep(out.status, JSON.parse(out.body)) === true;
}

/** One request on its way through: its route, the faults that strike it, and what there is to do with it. */
type Job = { incoming: Incoming; matched: Matched; faults: ActingFault[]; tools: FaultTools; note: Note };
type Handled = { out: Outgoing; claim: Claim | undefined };

export function createCalls(deps: CallsDeps): Calls {
  const { book, gate, idempotency, rules, printer } = deps;

  function claimKey(incoming: Incoming, operation: string, body: unknown): Claim | undefined {
    const key = incoming.header('idempotency-key');
    if (operation === 'quotes.create' && key !== undefined) {
      throw invalid('/headers/idempotency-key', 'a quote takes no Idempotency-Key; it is priced anew each time');
    }
    if (!KEYED_OPERATIONS.has(operation)) return undefined;
    return idempotency.claim({ key, method: incoming.method, path: incoming.path, body });
  }

  /**
   * Gate, body, key, effect: what Conduit itself does with a request. The effect, the reply kept for its key and the note
   * of its outcome are one synchronous stretch. The claim on the key is the caller's to release.
   */
  async function carryOut({ incoming, matched: { route, params }, faults, tools, note }: Job): Promise<Handled> {
    let claim: Claim | undefined;
    try {
      gate.pass(incoming.header('x-api-key'), incoming.method);
      const body = jsonBody(incoming);
      claim = claimKey(incoming, route.operation, body);
      const early = await earlyReply(faults, tools);
      if (early) {
        if (early.isConduits && !claim?.kept) keepRefusal(claim, early.out);
        const { manner, status, headers, code } = early.out;
        note('kept_from_effect', manner === 'whole' ? status : null, { headers, ...present('code', code) });
        return { out: early.out, claim };
      }
      if (claim?.kept) {
        note('replayed', claim.kept.status);
        return { out: answered(faults, printer.reply(claim.kept), tools), claim };
      }
      const reply = route.handle({ params, query: incoming.query, body, twists: twistsOf(faults) });
      const out = answered(faults, printer.reply(reply), tools);
      // What Conduit says is what it keeps; where it keeps no refusals, it keeps what it did.
      if (!keepRefusal(claim, out)) claim?.keep(reply.status, reply.body);
      note('done', reply.status, { body: reply.body });
      return { out, claim };
    } catch (error) {
      const { out: refusal, code } = printer.thrown(incoming, error);
      const out = answered(faults, refusal, tools);
      keepRefusal(claim, out);
      note('refused', refusal.status, { code, headers: refusal.headers });
      return { out, claim };
    }
  }

  /** Carries a request out and sends its reply on its way, through the faults that wait for it there. */
  async function handle(job: Job): Promise<Outgoing> {
    const { out: said, claim } = await carryOut(job);
    try {
      await book.committed();
      let out = said;
      for (const { fault, params } of job.faults) out = (await fault.reply?.(params, out, job.tools)) ?? out;
      return out;
    } finally {
      // Handled until its reply is under way, whether the caller still waits for it or not; one that got stuck, for ever.
      if (said.manner !== 'hang') claim?.release();
    }
  }

  return {
    async answer(incoming, matched) {
      const tools: FaultTools = {
        ...deps.tools,
        problem: (code, status, extras) => printer.problem(incoming, code, status, ARMED, extras),
        tooMany(seconds) {
          const extras = seconds === null ? {} : gate.limitReached(seconds);
          return printer.problem(incoming, 'RATE_LIMITED', 429, ARMED, extras);
        },
      };
      const { operation } = matched.route;
      const { reference, orderId } = factsOf(book, incoming, matched);
      const faults = faultsOf(rules.take({ operation, reference, orderId })?.action ?? {});
      for (const { fault, params } of faults) await fault.arrival?.(params, tools);
      // Read again, since a held-up request may by now be about an order that was not there before.
      const note = noteArrival(deps, incoming.correlationId, operation, factsOf(book, incoming, matched), faults);
      return handle({ incoming, matched, faults, tools, note });
    },
    unknown(incoming, problem) {
      try {
        gate.pass(incoming.header('x-api-key'), incoming.method);
      } catch (error) {
        return printer.thrown(incoming, error).out;
      }
      return printer.thrown(incoming, problem).out;
    },
  };
}
