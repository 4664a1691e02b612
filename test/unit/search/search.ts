import type { OrderStatus } from '../../../src/domain/order.ts';
import { NumberSet } from './numbers.ts';
import type { Bounds, Rules } from './rules.ts';
import { World } from './world.ts';

export interface Finding {
  readonly breach: string;
  /** Every step from the first state to the breach: no way there is shorter. */
  readonly path: readonly string[];
}

export interface SearchResult {
  readonly states: number;
  readonly steps: number;
  /** The states of an order that were reached. */
  readonly statuses: ReadonlySet<OrderStatus>;
  readonly finding: Finding | null;
}

const STUCK = 'stuck: no way to a rest is left';

/** A search that grows past this has lost its bounds. */
const MOST_STATES = 40_000_000;

/**
 * Visits every world that can be reached, breadth first, and stops at the first that breaks a law (with `sought`: one whose text
 * matches). When none does, asks of every state after `expires_at` whether the order can still come to rest while nothing more goes
 * wrong.
 */
export function search(
  rules: Rules,
  bounds: Bounds,
  { sought = /./, world = new World(rules, bounds) } = {},
): SearchResult {
  const seen = new NumberSet();
  const cameFrom: number[] = [-1];
  const cameBy: number[] = [-1];
  const statuses = new Set<OrderStatus>();
  const found: { breach: string; place: number; last: number | null }[] = [];
  let steps = 0;
  seen.add(world.first());
  const note = (breach: string | null, place: number, last: number | null) => {
    if (breach !== null && sought.test(breach)) found.push({ breach, place, last });
  };

  for (let place = 0; place < seen.size && found.length === 0; place += 1) {
    if (seen.size > MOST_STATES) throw new Error(`more than ${MOST_STATES} states`);
    statuses.add(world.statusOf(seen.at(place)));
    world.steps(seen.at(place), (to, label, _isFair, breach) => {
      steps += 1;
      note(breach, place, label);
      const next = seen.add(to);
      if (next !== cameFrom.length) return;
      cameFrom.push(place);
      cameBy.push(label);
      note(world.breach(to), next, null);
    });
  }

  const pathTo = (place: number): string[] => {
    const path: string[] = [];
    for (let at = place; (cameFrom[at] ?? -1) >= 0; at = cameFrom[at] ?? -1)
      path.unshift(world.labelOf(cameBy[at] ?? 0));
    return path;
  };
  const [first] = found;
  let finding: Finding | null = null;
  if (first) {
    const last = first.last === null ? [] : [world.labelOf(first.last)];
    finding = { breach: first.breach, path: [...pathTo(first.place), ...last] };
  } else if (sought.test(STUCK)) {
    const place = firstWithoutRest(world, seen);
    if (place !== null) finding = { breach: STUCK, path: pathTo(place) };
  }
  return { states: seen.size, steps, statuses, finding };
}

/** The place of the first overdue state from which no fair way leads to a rest; null when there is none. */
function firstWithoutRest(world: World, seen: NumberSet): number | null {
  const { starts, sources } = fairStepsInto(world, seen);
  const isGood = new Uint8Array(seen.size);
  const queue: number[] = [];
  for (let place = 0; place < seen.size; place += 1) {
    if (!world.isOverdue(seen.at(place)) || !world.isAtRest(seen.at(place))) continue;
    isGood[place] = 1;
    queue.push(place);
  }
  for (let head = 0; head < queue.length; head += 1) {
    const at = queue[head] ?? 0;
    for (let edge = starts[at] ?? 0; edge < (starts[at + 1] ?? 0); edge += 1) {
      const source = sources[edge] ?? 0;
      if (isGood[source]) continue;
      isGood[source] = 1;
      queue.push(source);
    }
  }
  for (let place = 0; place < seen.size; place += 1)
    if (world.isOverdue(seen.at(place)) && !isGood[place]) return place;
  return null;
}

/** The fair steps among overdue states, by where they lead: those into `place` stand from `starts[place]` on. */
function fairStepsInto(world: World, seen: NumberSet): { starts: Int32Array; sources: Int32Array } {
  const starts = new Int32Array(seen.size + 1);
  const forEach = (visit: (place: number, into: number) => void) => {
    for (let place = 0; place < seen.size; place += 1) {
      if (!world.isOverdue(seen.at(place))) continue;
      world.steps(seen.at(place), (to, _label, isFair) => {
        if (isFair) visit(place, seen.add(to));
      });
    }
  };
  forEach((_place, into) => {
    starts[into + 1] = (starts[into + 1] ?? 0) + 1;
  });
  for (let place = 0; place < seen.size; place += 1)
    starts[place + 1] = (starts[place + 1] ?? 0) + (starts[place] ?? 0);
  const sources = new Int32Array(starts[seen.size] ?? 0);
  const free = starts.slice();
  forEach((place, into) => {
    sources[free[into] ?? 0] = place;
    free[into] = (free[into] ?? 0) + 1;
  });
  return { starts, sources };
}
