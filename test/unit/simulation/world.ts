import { parsePair } from '../../../src/domain/assets.ts';
import { type Instant, isTerminalOrder, type Seen } from '../../../src/domain/order.ts';
import { readQuote } from '../../../src/domain/quote.ts';
import { floorRate, triggersOf } from '../../../src/domain/rate.ts';
import type { SendOperation } from '../../../src/domain/replies.ts';
import { ORPHANS_EVERY_MS, ownLookInMs, type Timing } from '../../../src/domain/timing.ts';
import { NOW, TIMING } from '../../support/builders.ts';
import { Agenda, type Task } from './agenda.ts';
import { Conduit, type Reply, type Request } from './conduit.ts';
import { plain } from './fixed-point.ts';
import type { History, LookFault, QuoteFault, Seam, SendFault } from './history.ts';
import { Laws } from './laws.ts';
import { QUIET_MS } from './looks.ts';
import { DEADLINE_MS } from './network.ts';
import { OrphanPatrol } from './orphans.ts';
import { isArmed } from './planning.ts';
import { expireOverdue } from './records.ts';
import type { Rules } from './rules.ts';
import { Crash, type Steps } from './steps.ts';
import { type AttemptRow, isMovingElsewhere, isPaused, liveAttempt, seenOf, type Tables } from './tables.ts';
import { PAIR } from './their-orders.ts';

const TICK_MS = 60_000;
const REPAIR_MS = 15_000;
const FORGOTTEN_MS = 30_000;
const HOUR_MS = 3_600_000;
const MAX_ATTEMPTS_PER_HOUR = 5;
/** Where a second order could be made, only keys protect us; a request that the network kept would outlive them. */
const MADE_DELAY_MS = 40_000;

/** What the order's run may be told. */
export type News = 'rateCrossed' | 'orderChanged' | 'conduitOrderChanged' | 'cancelRequested' | 'attemptDue';

/** `ms` null: the process dies. */
interface Mishap {
  readonly at: Seam;
  readonly ms: number | null;
}

export interface WorldOptions {
  readonly rules: Rules;
  readonly orderId: string;
  readonly startAt?: Instant;
  /** Activities take no time of the virtual clock: a step is never interrupted, and a reply in time is there at once. */
  readonly isInstant?: boolean;
  /** Tells the run. */
  readonly tell: (news: News) => void;
  /** The worker's process has died, and with it all that it was doing. */
  readonly onDeath?: () => void;
  /** Only breaches whose text matches are heeded: where a rule is dropped, its first harm is seldom its worst. */
  readonly sought?: RegExp;
  /** Collects what happens, for the reader of a failure. */
  readonly trace?: string[];
}

/** One order, its rows, Conduit, the clock, and everything that is still to go wrong. */
export class World {
  readonly history: History;
  readonly rules: Rules;
  readonly timing: Timing = TIMING;
  readonly agenda: Agenda;
  readonly tables: Tables;
  readonly conduit: Conduit;
  readonly laws: Laws;
  readonly sendFaults: Record<SendOperation, SendFault[]> = { create: [], execute: [], cancel: [] };
  readonly lookFaults: LookFault[] = [];
  readonly quoteFaults: QuoteFault[] = [];
  readonly counts = { adopted: 0, resends: 0, repaired: 0, pauses: 0, crashes: 0, orphans: 0 };
  readonly isPlanAltered: boolean;
  readonly #options: WorldOptions;
  readonly #orphans: OrphanPatrol;
  readonly #startedAt: Instant;
  readonly #mishaps: Mishap[] = [];
  #tick: Task | null = null;
  #isProbing = false;
  #sendId = 0;
  #epoch = 0;

  constructor(history: History, options: WorldOptions) {
    this.history = history;
    this.rules = options.rules;
    this.#options = options;
    this.isPlanAltered = Object.values(options.rules).some((isKept) => !isKept);
    this.#startedAt = options.startAt ?? NOW;
    this.agenda = new Agenda(this.#startedAt);
    this.tables = tablesOf(history, options.orderId, this.#startedAt);
    const { agenda, tables } = this;
    this.laws = new Laws(agenda, history.terms, tables, () => this.conduit.orders, options.sought ?? /./);
    this.conduit = new Conduit(agenda, history.terms, this.laws);
    this.#orphans = new OrphanPatrol(this);
    this.#setTriggers();
    this.#arm();
    agenda.at(tables.order.expiresAt + 2 * REPAIR_MS, () => this.#repair());
  }

  #setTriggers(): void {
    const { order } = this.tables;
    const asked = { ...parsePair(PAIR), amount: order.amount };
    const read = readQuote(this.conduit.quote(null), asked, this.conduit.clock, TICK_MS);
    if (typeof read === 'string') throw new Error(`the model's own quote cannot be read: ${read}`);
    Object.assign(order, triggersOf(order, read.shape, asked.to));
  }

  get now(): Instant {
    return this.agenda.now;
  }

  note(text: () => string): void {
    const { trace } = this.#options;
    if (!trace) return;
    const seconds = ((this.now - this.#startedAt) / 1_000).toFixed(3).padStart(12);
    trace.push(`${seconds} s  ${text()}`);
  }

  /**
   * Lets an activity go on step by step, each in its time, unless its process dies. Where activities take no time it is carried out at
   * once, and a crash leaves the rest of it undone.
   */
  drive<T>(steps: Steps<T>, onEnd: (value: T) => void): void {
    const epoch = this.#epoch;
    const next = () => {
      if (this.#epoch !== epoch) return;
      const step = steps.next();
      if (step.done) onEnd(step.value);
      else if (this.#options.isInstant) next();
      else this.agenda.after(step.value, resume);
    };
    const resume = () => {
      try {
        next();
      } catch (error) {
        if (!(error instanceof Crash)) throw error;
        this.die();
      }
    };
    resume();
  }

  die(): void {
    this.#epoch += 1;
    this.counts.crashes += 1;
    this.note(() => 'the worker is dead');
    this.#options.onDeath?.();
  }

  tell(news: News): void {
    this.note(() => `news: ${news}`);
    this.#options.tell(news);
  }

  seen(): Seen {
    return seenOf(this.tables);
  }

  nextSendId(): number {
    this.#sendId += 1;
    return this.#sendId;
  }

  referenceRate(): string {
    return plain(this.conduit.rate);
  }

  /** A pause, or what stops an order like one. */
  isStopped(): boolean {
    return isPaused(this.tables) || isMovingElsewhere(this.tables, liveAttempt(this.tables)?.number ?? null);
  }

  isAtAttemptLimit(): boolean {
    const recent = this.tables.attempts.filter(
      ({ createdAt, sends }) => createdAt > this.now - HOUR_MS && sends.some(({ outcome }) => outcome !== 'unsent'),
    );
    return recent.length >= MAX_ATTEMPTS_PER_HOUR;
  }

  closeGate(forMs: number): void {
    this.tables.gateClosedUntil = Math.max(this.tables.gateClosedUntil, this.now + forMs);
  }

  addMishap(at: Seam, ms: number | null): void {
    this.#mishaps.push({ at, ms });
  }

  takeMishap(seam: Seam): Mishap | null {
    const place = this.#mishaps.findIndex(({ at }) => at === seam);
    return place < 0 ? null : (this.#mishaps.splice(place, 1)[0] ?? null);
  }

  clearFaults(): void {
    this.#mishaps.length = 0;
    for (const faults of [...Object.values(this.sendFaults), this.lookFaults, this.quoteFaults]) faults.length = 0;
    this.conduit.twists.length = 0;
  }

  /** Sends a request on its way; the answer holds the reply from the moment on at which Conduit gives it. */
  send(request: Request, delayMs: number): { readonly reply: Reply | null } {
    const isMade = this.history.terms.conduit.duplicates === 'made';
    const inMs = isMade ? Math.min(delayMs, MADE_DELAY_MS) : delayMs;
    const call: { reply: Reply | null } = { reply: null };
    const arrive = () => {
      const reply = this.conduit.receive(request);
      call.reply = reply;
      this.note(() => `${request.operation} reaches Conduit: ${reply.status} ${reply.code ?? ''}`);
    };
    if (this.#options.isInstant && inMs <= DEADLINE_MS) arrive();
    else this.agenda.after(inMs, arrive);
    return call;
  }

  /** The row has its next version. */
  rowChanged(): void {
    this.#arm();
  }

  followOrphans(): void {
    this.#orphans.wake();
  }

  areOrphansClosed(): boolean {
    return this.tables.attempts.every(
      ({ orphanUntil, orphanClosedAt }) => orphanUntil === null || orphanClosedAt !== null,
    );
  }

  /** When the watcher has the next tick that concerns this order; null while none does. */
  get tickAt(): Instant | null {
    return this.#tick?.at ?? null;
  }

  /** The watcher ticks once a minute; the ticks that would find nothing are left out. Asked again whenever row, rate or pauses change. */
  #arm(): void {
    this.agenda.drop(this.#tick);
    this.#tick = null;
    if (!isArmed(this)) return;
    const from = Math.max(this.now + 1, this.tables.order.nextCheckAt) - this.#startedAt;
    this.#tick = this.agenda.at(this.#startedAt + Math.ceil(from / TICK_MS) * TICK_MS, () => {
      this.#tick = null;
      if (isArmed(this)) {
        this.tables.order.nextCheckAt = this.now + QUIET_MS;
        this.tell('rateCrossed');
      }
      this.#arm();
    });
  }

  setRate(offset: number): void {
    this.conduit.setRate(offset);
    this.#arm();
  }

  /** `probePauses`: a pause of our own making is lifted once Conduit lets us in again. */
  probe(): void {
    if (this.#isProbing) return;
    this.#isProbing = true;
    this.agenda.after(ORPHANS_EVERY_MS, () => {
      this.#isProbing = false;
      const { pauses, gateClosedUntil } = this.tables;
      const healing = [...pauses].filter(([, isHealing]) => isHealing).map(([scope]) => scope);
      if (healing.length === 0) return;
      const isLetIn = gateClosedUntil <= this.now && this.quoteFaults[0]?.kind !== 'refused';
      if (isLetIn) for (const scope of healing) pauses.delete(scope);
      else this.probe();
      this.#arm();
    });
  }

  /** `ordersWithIdleAttempt`: whose attempt was prepared and got no further is told so by every pass. */
  remindOf(attempt: AttemptRow, inMs: number = FORGOTTEN_MS + REPAIR_MS): void {
    if (!this.rules.forgottenAreTold) return;
    this.agenda.after(inMs, () => {
      if (attempt.status !== 'prepared' || attempt.nextLookupAt !== null) return;
      this.tell('attemptDue');
      this.remindOf(attempt, REPAIR_MS);
    });
  }

  pause(): void {
    this.tables.pauses.set('all', false);
    this.#arm();
  }

  resume(): void {
    this.tables.pauses.clear();
    this.#arm();
  }

  #repair(): void {
    const { status } = this.tables.order;
    expireOverdue(this);
    if (this.tables.order.status !== status) this.tell('orderChanged');
    else if (!isTerminalOrder(status)) this.agenda.after(REPAIR_MS, () => this.#repair());
  }
}

/** The order as it was accepted. Its triggers come from a quote that its world must give first. */
function tablesOf({ terms }: History, orderId: string, now: Instant): Tables {
  const { direction, targetRate, amount } = terms;
  return {
    order: {
      id: orderId,
      pair: PAIR,
      status: 'accepted',
      version: 1,
      amount,
      targetRate,
      direction,
      floorRate: direction === '<=' ? floorRate(targetRate, terms.floorGapBps) : null,
      expiresAt: now + terms.expiresInMs,
      cancelRefusedAt: null,
      lookDueAt: now + ownLookInMs(0.5),
      reason: null,
      providerCode: null,
      triggerRate: '0',
      triggerFloor: null,
      nextCheckAt: now,
      failedLooks: 0,
    },
    attempts: [],
    facts: new Set(),
    pauses: new Map(),
    areAccountsActive: true,
    gateClosedUntil: now,
    throttledUntil: now,
  };
}
