import { SetupError } from '../stack/errors.ts';
import { readOptions } from '../stack/options.ts';
import { buildOf } from './builds/catalogue.ts';
import { USUAL_TIME_SCALE } from './load/shape.ts';

export const HELP = `npm run chaos -- [--quick | --all | --only F21,F22 | --minutes 10 | --builds] [--seed 7 | --seeds 3] [--orders 60]

Starts the whole system on this machine, every connection through a proxy, and breaks it on purpose while customers use it. When the
system has come to rest, a judge reads what the customers were told, PostgreSQL, Temporal and the provider's ledger, and holds them
against the laws. Exit code 0 only when no law was broken and every order came to rest.

  --quick            every crash seam, then the experiments that matter most: about six minutes
  --all              every experiment, about an hour a seed; goes on where an earlier run of the same seed was interrupted
                     (--fresh: from the start)
  --only IDS         these alone, joined by commas; --list names them
  --minutes N        faults at random for so long
  --seed N           which dice (default 1); --seeds N runs the seeds 1 to N one after another
  --orders N         how many orders an experiment has (default 60)
  --time-scale N     how much faster the protocol's waits run (default 10; 1 for real time)
  --with FILE        tells the results of another run of the same sources together with these: its results.json
  --build NAME       runs a deliberately broken build through the experiment that shall catch it, or through those of --only
  --builds           runs them all, and the product beside them, and tells which experiment caught each
  --list             the experiments and the broken builds
  --help             this text

Evidence stays in .local/chaos/; npm run chaos:judge -- FOLDER judges it again.
`;

export type Options = {
  readonly mode: 'quick' | 'all' | 'only' | 'minutes' | 'builds' | 'list' | 'help';
  readonly ids: readonly string[];
  readonly minutes: number;
  readonly seeds: readonly number[];
  readonly orders: number | undefined;
  readonly timeScale: number;
  readonly build: string | undefined;
  /** Published results to be told together with these. */
  readonly with: string | undefined;
  readonly fresh: boolean;
};

const FLAG = { type: 'boolean' } as const;
const TEXT = { type: 'string' } as const;

/** Throws a `SetupError` that says which option is wrong. */
export function readChaosOptions(): Options {
  const given = readOptions(
    {
      quick: FLAG,
      all: FLAG,
      builds: FLAG,
      list: FLAG,
      fresh: FLAG,
      help: { type: 'boolean', short: 'h' },
      only: TEXT,
      minutes: TEXT,
      seed: TEXT,
      seeds: TEXT,
      orders: TEXT,
      'time-scale': TEXT,
      build: TEXT,
      with: TEXT,
    },
    HELP,
  );
  const modes = [
    ...(given.help ? ['help' as const] : []),
    ...(given.list ? ['list' as const] : []),
    ...(given.quick ? ['quick' as const] : []),
    ...(given.all ? ['all' as const] : []),
    ...(given.builds ? ['builds' as const] : []),
    ...(given.only === undefined ? [] : ['only' as const]),
    ...(given.minutes === undefined ? [] : ['minutes' as const]),
  ];
  // A build alone asks for the experiment that shall catch it.
  if (modes.length === 0 && given.build !== undefined) modes.push('only');
  const [mode = 'help', second] = modes;
  if (second && mode !== 'help') throw new SetupError(`--${mode} and --${second} do not go together\n\n${HELP}`);
  if (given.seed !== undefined && given.seeds !== undefined)
    throw new SetupError(`--seed and --seeds do not go together\n\n${HELP}`);
  if (given.with !== undefined && mode !== 'all') throw new SetupError(`--with goes with --all\n\n${HELP}`);
  const build = given.build === undefined ? undefined : buildOf(given.build);
  const count = wholeNumber('seeds', given.seeds, 1);
  return {
    mode,
    ids: given.only?.split(',').map((id) => id.trim().toUpperCase()) ?? (build ? [build.caughtBy] : []),
    minutes: wholeNumber('minutes', given.minutes, 0),
    seeds:
      given.seeds === undefined ? [wholeNumber('seed', given.seed, 1)] : Array.from({ length: count }, (_, n) => n + 1),
    orders: given.orders === undefined ? undefined : wholeNumber('orders', given.orders, 60),
    timeScale: wholeNumber('time-scale', given['time-scale'], USUAL_TIME_SCALE),
    build: build?.name,
    with: given.with,
    fresh: given.fresh ?? false,
  };
}

function wholeNumber(name: string, text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise;
  if (!/^[1-9]\d{0,5}$/.test(text)) throw new SetupError(`--${name} ${text}: must be a whole number from 1\n\n${HELP}`);
  return Number(text);
}
