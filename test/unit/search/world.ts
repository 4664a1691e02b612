import { isTerminalOrder, type OrderStatus } from '../../../src/domain/order.ts';
import type { Action } from '../../../src/domain/plan.ts';
import { changesAround, type Happening, happeningsOf } from './environment.ts';
import {
  breachOfPermit,
  carriedOut,
  type Deed,
  deedsOf,
  type HeldPlan,
  isWorthHolding,
  nameOf,
  planFor,
} from './hands.ts';
import { bitsOf, breachOf, isAtRest, LIVE, OPEN } from './laws.ts';
import { Numbered } from './numbers.ts';
import { ATTEMPTS, type Parts, PLANS, pack, packAt, unpack } from './packed.ts';
import { prepared } from './records.ts';
import type { Bounds, Rules } from './rules.ts';
import { shortest, textOfAttempt, textOfOrder } from './short-form.ts';
import { type AttemptState, FIRST_ORDER, type OrderState, UNBORN } from './state.ts';

/** One step to another world. A breach is a law that the step itself breaks, whatever it leads to. */
export type Emit = (to: number, label: number, isFair: boolean, breach: string | null) => void;

type Labels = readonly [first: number, second: number];

interface AttemptMove {
  readonly to: number;
  readonly labels: Labels;
  readonly isFair: boolean;
  readonly leaves: Happening['leaves'];
}

interface DeedMove {
  readonly order: number;
  readonly attempt: number;
  readonly labels: Labels;
  readonly deed: Deed;
}

/**
 * One order with up to two attempts, Conduit, and everybody who acts on them. A world is one number, packed from the numbers of its
 * parts; what a part can do is worked out once, however many worlds share it.
 */
export class World {
  readonly #rules: Rules;
  readonly #bounds: Bounds;
  readonly #shorten: (a: AttemptState) => AttemptState;
  readonly #orders = new Numbered<OrderState>(textOfOrder);
  readonly #attempts = new Numbered<AttemptState>(textOfAttempt);
  readonly #plans = new Numbered<HeldPlan | null>();
  readonly #labels = new Numbered<string>((label) => label);
  readonly #bits: number[] = [];
  readonly #statuses: OrderStatus[] = [];
  readonly #orderMoves: { to: number; label: number }[][] = [];
  readonly #attemptMoves: AttemptMove[][] = [];
  readonly #deedMoves = new Map<number, DeedMove[]>();
  readonly #actions = new Map<number, Action>();
  readonly #newPlans = new Map<number, number>();
  readonly #heldMoves = new Map<number, { order: number; attempt: number; breach: string | null } | null>();
  readonly #unborn: number;

  constructor(rules: Rules, bounds: Bounds, shorten = shortest) {
    this.#rules = rules;
    this.#bounds = bounds;
    this.#shorten = shorten;
    this.#plans.of(null);
    this.#unborn = this.#numberOf(UNBORN);
  }

  first(): number {
    return pack(this.#orderOf(FIRST_ORDER), this.#unborn, this.#unborn, 0);
  }

  labelOf(label: number): string {
    return this.#labels.get(label);
  }

  statusOf(world: number): OrderStatus {
    return this.#orders.get(unpack(world)[0]).status;
  }

  isOverdue(world: number): boolean {
    return this.#orders.get(unpack(world)[0]).phase === 2;
  }

  breach(world: number): string | null {
    const [o, a1, a2] = unpack(world);
    return breachOf(this.#statuses[o] ?? 'failed', this.#bits[a1] ?? 0, this.#bits[a2] ?? 0);
  }

  isAtRest(world: number): boolean {
    const [o, a1, a2] = unpack(world);
    return isAtRest(this.#statuses[o] ?? 'failed', this.#bits[a1] ?? 0, this.#bits[a2] ?? 0);
  }

  /** All that may happen next. */
  steps(world: number, emit: Emit): void {
    const parts = unpack(world);
    const [o, a1, a2, z] = parts;
    for (const { to, label } of this.#movesOfOrder(o)) emit(pack(to, a1, a2, z), label, false, null);
    this.#happen(parts, 0, emit);
    this.#happen(parts, 1, emit);
    const at = this.#isLive(a2) ? 1 : 0;
    const live = at === 1 ? a2 : this.#isLive(a1) ? a1 : this.#unborn;
    for (const move of this.#deedsOf(o, live)) this.#doDeed(parts, at, live, move, emit);
    if (!this.#bounds.hasStaleHand) return;
    const plan = this.#planOf(o, live, live === this.#unborn ? null : at);
    if (plan !== 0 && plan !== z) emit(pack(o, a1, a2, plan), this.#labelOfHolding(plan), false, null);
    if (z !== 0) this.#carryOutHeld(parts, emit);
  }

  #orderOf(state: OrderState): number {
    const number = this.#orders.of(state);
    this.#statuses[number] = state.status;
    return number;
  }

  #numberOf(state: AttemptState): number {
    const number = this.#attempts.of(this.#shorten(state));
    this.#bits[number] ??= bitsOf(this.#attempts.get(number));
    return number;
  }

  #isLive(a: number): boolean {
    return ((this.#bits[a] ?? 0) & LIVE) !== 0;
  }

  #labelsOf(label: string): Labels {
    return [this.#labels.of(`g1 ${label}`), this.#labels.of(`g2 ${label}`)];
  }

  #movesOfOrder(o: number): readonly { to: number; label: number }[] {
    const known = this.#orderMoves[o];
    if (known) return known;
    const order = this.#orders.get(o);
    const moves = changesAround(this.#bounds, order).map(([label, change]) => ({
      to: this.#orderOf({ ...order, ...change }),
      label: this.#labels.of(label),
    }));
    this.#orderMoves[o] = moves;
    return moves;
  }

  #movesOfAttempt(a: number): readonly AttemptMove[] {
    const known = this.#attemptMoves[a];
    if (known) return known;
    const moves = happeningsOf(this.#rules, this.#bounds, this.#attempts.get(a))
      .map(({ label, to, isFair, leaves }) => ({
        to: this.#numberOf(to),
        labels: this.#labelsOf(label),
        isFair,
        leaves,
      }))
      .filter(({ to }) => to !== a);
    this.#attemptMoves[a] = moves;
    return moves;
  }

  #happen(parts: Parts, at: 0 | 1, emit: Emit): void {
    const [o, a1, a2, z] = parts;
    const a = at === 0 ? a1 : a2;
    if (a === this.#unborn) return;
    const isOverdue = this.#orders.get(o).phase === 2;
    for (const { to, labels, isFair, leaves } of this.#movesOfAttempt(a)) {
      let breach: string | null = null;
      if (leaves) {
        // A permit is dead 2 s after it was given, and none is given within 15 s of the expiry.
        if (isOverdue && this.#rules.permitAges) continue;
        if (isOverdue) breach = `L4: ${leaves} leaves at or after expires_at`;
        // Bytes to an order that is dead at Conduit already have no effect.
        const isOpen = ((this.#bits[a] ?? 0) & OPEN) !== 0;
        if (isOpen && leaves === 'execute' && this.#statuses[o] === 'cancelled')
          breach = 'L5: an execute leaves after a confirmed cancel';
      }
      emit(packAt(at, parts, o, to, z), labels[at], isFair, breach);
    }
  }

  #deedsOf(o: number, live: number): readonly DeedMove[] {
    const key = o * ATTEMPTS + live;
    const known = this.#deedMoves.get(key);
    if (known) return known;
    const rows = { order: this.#orders.get(o), attempt: this.#attempts.get(live) };
    const deeds = deedsOf(this.#rules, this.#bounds, rows, this.#planAt(o, live));
    const moves = deeds.map((deed) => ({
      order: this.#orderOf(deed.rows.order),
      attempt: this.#numberOf(deed.rows.attempt),
      labels: this.#labelsOf(deed.label),
      deed,
    }));
    this.#deedMoves.set(key, moves);
    return moves;
  }

  #doDeed(parts: Parts, at: 0 | 1, live: number, { order, attempt, labels, deed }: DeedMove, emit: Emit): void {
    const [, a1, a2, z] = parts;
    const plan = deed.isVersion ? this.#staled(z, deed.permit) : z;
    if (deed.isNextAttempt) {
      this.#prepareNext(parts, labels, plan, emit);
      return;
    }
    const to = live === this.#unborn ? pack(order, a1, a2, plan) : packAt(at, parts, order, attempt, plan);
    emit(to, labels[at], deed.isFair, deed.breach);
  }

  #prepareNext(parts: Parts, labels: Labels, plan: number, emit: Emit): void {
    const [o, a1, a2] = parts;
    const slot = a1 === this.#unborn ? 0 : a2 === this.#unborn && this.#bounds.attempts === 2 ? 1 : null;
    const hasLive = this.#isLive(a1) || this.#isLive(a2);
    const born = slot === null ? null : prepared(this.#rules, this.#orders.get(o), hasLive);
    if (slot === null || !born) return;
    emit(packAt(slot, parts, o, this.#numberOf(born), plan), labels[slot], true, null);
  }

  /** The held plan after a change of versions: where these are compared it can never be carried out any more. */
  #staled(z: number, permit: Deed['permit']): number {
    const plan = this.#plans.get(z);
    if (!plan) return 0;
    // Of two hands that ask for one permit from one version, one gets it: the fact is recorded once.
    if (!plan.isStale && plan.action.kind === permit) return 0;
    const isMoney = plan.action.kind === 'send_create' || plan.action.kind === 'send_execute';
    const isCompared = this.#rules.compareAndSet && (this.#rules.permitJudgesRow || !isMoney);
    return isCompared ? 0 : this.#plans.of({ ...plan, isStale: true });
  }

  /** The plan that a second hand would make now. */
  #planOf(o: number, live: number, at: 0 | 1 | null): number {
    const key = (o * ATTEMPTS + live) * 4 + (at ?? 2);
    const known = this.#newPlans.get(key);
    if (known !== undefined) return known;
    const action = this.#planAt(o, live);
    const plan = isWorthHolding(action) ? this.#plans.of({ action, attempt: at, isStale: false }) : 0;
    this.#newPlans.set(key, plan);
    return plan;
  }

  #planAt(o: number, live: number): Action {
    const key = o * ATTEMPTS + live;
    let action = this.#actions.get(key);
    if (!action) {
      action = planFor(this.#rules, this.#orders.get(o), this.#attempts.get(live));
      this.#actions.set(key, action);
    }
    return action;
  }

  #labelOfHolding(z: number): number {
    const plan = this.#plans.get(z);
    return this.#labels.of(`a second hand plans "${plan ? nameOf(plan.action) : ''}" and waits`);
  }

  #carryOutHeld(parts: Parts, emit: Emit): void {
    const [o, a1, a2, z] = parts;
    const plan = this.#plans.get(z);
    if (!plan) return;
    const stale = plan.isStale ? ', long stale' : '';
    const label = this.#labels.of(`the second hand carries out "${nameOf(plan.action)}"${stale}`);
    if (plan.action.kind === 'look') {
      this.#prepareNext(parts, [label, label], 0, emit);
      return;
    }
    const at = plan.attempt ?? (this.#isLive(a2) ? 1 : 0);
    const isOtherLive = this.#isLive(at === 0 ? a2 : a1);
    const done = this.#held(o, at === 0 ? a1 : a2, z, plan, isOtherLive);
    if (done) emit(packAt(at, parts, done.order, done.attempt, 0), label, false, done.breach);
  }

  #held(o: number, a: number, z: number, plan: HeldPlan, isOtherLive: boolean) {
    const key = ((o * ATTEMPTS + a) * PLANS + z) * 2 + (isOtherLive ? 1 : 0);
    const known = this.#heldMoves.get(key);
    if (known !== undefined) return known;
    const rows = { order: this.#orders.get(o), attempt: this.#attempts.get(a) };
    const done = carriedOut(this.#rules, this.#bounds, rows, plan.action);
    const isRefused = !done || done === 'out_of_bounds' || (isOtherLive && isTerminalOrder(done.order.status));
    const breach = breachOfPermit(rows.order, plan.action);
    const move = isRefused ? null : { order: this.#orderOf(done.order), attempt: this.#numberOf(done.attempt), breach };
    this.#heldMoves.set(key, move);
    return move;
  }
}
