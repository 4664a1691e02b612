import { z } from 'zod';
import { type Asset, pairText, parsePair } from './assets.ts';
import type { Clock } from './clock.ts';
import { type EcbHistory, readEcbHistory } from './ecb.ts';
import { Exact, isPositiveDecimal } from './exact.ts';

const RateText = z.string().max(60).refine(isPositiveDecimal, 'must be a positive plain decimal');
const Milliseconds = z.number().int().min(0);
const Steps = z
  .array(z.strictObject({ rate: RateText, afterMs: Milliseconds }))
  .min(1)
  .max(10_000);

/** `from` is the first day replayed (`2020-03-01`). */
export const EcbReplay = z.strictObject({
  daysPerSecond: z.number().positive().max(100_000),
  from: z.iso.date().optional(),
});
export type EcbReplay = z.infer<typeof EcbReplay>;

/**
 * Where the reference rate of a pair comes from: a fixed rate; steps, each `afterMs` after the one before it, the last
 * one lasting (or all over again with `loop`); a climb in equal steps; the ECB's history; or no rate at all (503).
 * None of these times is divided by the time scale: whoever scripts a path means the milliseconds it says.
 */
export const RateSpec = z.union([
  RateText,
  z.strictObject({ steps: Steps, loop: z.boolean().optional() }),
  z.strictObject({
    climb: z.strictObject({
      from: RateText,
      to: RateText,
      steps: z.number().int().min(1).max(100_000),
      everyMs: Milliseconds.min(1),
    }),
  }),
  z.strictObject({ ecb: EcbReplay }),
  z.strictObject({ unavailable: z.enum(['RATE_UNAVAILABLE', 'RATE_UNAVAILABLE_AFTER_HOURS']) }),
]);
export type RateSpec = z.infer<typeof RateSpec>;

type RateNow = { rate: string } | { unavailable: string };

export type Rates = {
  /** Sets the source of a pair's rate from now on. The pair is known to be well-formed. */
  set(pair: string, spec: RateSpec): void;
  /** Replays the ECB for every pair that has no source of its own; undefined ends it. */
  replayEcb(replay: EcbReplay | undefined): void;
  /** The reference rate now, or undefined for a pair that nobody offers. */
  now(source: Asset, destination: Asset): RateNow | undefined;
  describe(): Record<string, { spec: RateSpec; now: RateNow | undefined }>;
};

type Source = { spec: RateSpec; at(nowMs: number): RateNow | undefined };

/**
 * The day that a replay shows. It walks to the end of the file and back again, so that a long run never meets a jump that
 * no market made.
 */
function replayedDay(elapsedMs: number, replay: EcbReplay, history: EcbHistory): number {
  const first = replay.from === undefined ? 0 : history.dayAt(replay.from);
  const last = history.days - 1;
  const walked = first + Math.floor((Math.max(elapsedMs, 0) / 1000) * replay.daysPerSecond);
  const within = walked % (2 * last);
  return within <= last ? within : 2 * last - within;
}

function climbed(climb: { from: string; to: string; steps: number; everyMs: number }, elapsedMs: number): string {
  const done = Math.min(Math.max(Math.floor(elapsedMs / climb.everyMs), 0), climb.steps);
  const from = new Exact(climb.from);
  return from.plus(new Exact(climb.to).minus(from).times(done).div(climb.steps)).toDecimalPlaces(18).toFixed();
}

/** The step that holds after `elapsedMs`; before the first step is due, `before` (the pair's former rate) goes on. */
function stepAt(spec: { steps: { rate: string; afterMs: number }[]; loop?: boolean | undefined }, elapsedMs: number) {
  const totalMs = spec.steps.reduce((sum, step) => sum + step.afterMs, 0);
  const looping = spec.loop === true && totalMs > 0 && elapsedMs >= totalMs;
  let leftMs = looping ? elapsedMs % totalMs : elapsedMs;
  let reached = looping ? spec.steps.at(-1)?.rate : undefined;
  for (const step of spec.steps) {
    leftMs -= step.afterMs;
    if (leftMs < 0) break;
    reached = step.rate;
  }
  return reached;
}

export function createRates({ clock }: { clock: Clock }): Rates {
  const sources = new Map<string, Source>();
  let everyOther: { replay: EcbReplay; startedMs: number } | undefined;
  let loaded: EcbHistory | undefined;

  function ecbRate(source: Asset, destination: Asset, replay: EcbReplay, startedMs: number): RateNow | undefined {
    loaded ??= readEcbHistory();
    const rate = loaded.rate(source, destination, replayedDay(clock.nowMs() - startedMs, replay, loaded));
    return rate === undefined ? undefined : { rate };
  }

  function now(source: Asset, destination: Asset): RateNow | undefined {
    const own = sources.get(pairText(source, destination));
    if (own) return own.at(clock.nowMs());
    return everyOther && ecbRate(source, destination, everyOther.replay, everyOther.startedMs);
  }

  function sourceOf(pair: string, spec: RateSpec): Source {
    const assets = parsePair(pair);
    if (!assets) throw new Error(`not a pair: ${pair}`);
    const startedMs = clock.nowMs();
    if (typeof spec === 'string') return { spec, at: () => ({ rate: new Exact(spec).toFixed() }) };
    if ('unavailable' in spec) return { spec, at: () => ({ unavailable: spec.unavailable }) };
    if ('climb' in spec) return { spec, at: (nowMs) => ({ rate: climbed(spec.climb, nowMs - startedMs) }) };
    if ('ecb' in spec) return { spec, at: () => ecbRate(assets.source, assets.destination, spec.ecb, startedMs) };
    const before = now(assets.source, assets.destination) ?? { rate: spec.steps[0]?.rate ?? '1' };
    return {
      spec,
      at(nowMs) {
        const rate = stepAt(spec, nowMs - startedMs);
        return rate === undefined ? before : { rate };
      },
    };
  }

  return {
    set: (pair, spec) => void sources.set(pair, sourceOf(pair, spec)),
    replayEcb(replay) {
      everyOther = replay && { replay, startedMs: clock.nowMs() };
    },
    now,
    describe() {
      const shown: ReturnType<Rates['describe']> = {};
      for (const [pair, source] of sources) shown[pair] = { spec: source.spec, now: source.at(clock.nowMs()) };
      return shown;
    },
  };
}
