import { createAccounts } from './book/accounts.ts';
import { type Book, createBook } from './book/book.ts';
import { createEndings } from './book/endings.ts';
import { createIdempotency } from './book/idempotency.ts';
import { type Ledger, openLedger } from './book/ledger.ts';
import { createOrderIntake } from './book/order-intake.ts';
import { createOrders } from './book/orders.ts';
import { createQuotes } from './book/quotes.ts';
import { createSettlements } from './book/settlement.ts';
import { createTransitions } from './book/transitions.ts';
import { createTwins } from './book/twins.ts';
import { type Clock, createClock } from './core/clock.ts';
import { createKnobBoard, type KnobBoard, type Knobs } from './core/knobs.ts';
import type { Log } from './core/log.ts';
import { createDice } from './core/random.ts';
import { createRates, type EcbReplay, type RateSpec } from './core/rates.ts';
import { createDesk } from './desk/desk.ts';
import { createFaultRules, type FaultRules } from './faults/rules.ts';
import { faultsOf } from './faults/table.ts';
import { createDeliveries, type Deliveries } from './webhooks/deliveries.ts';
import { createEndpoints, type Endpoints } from './webhooks/endpoints.ts';
import type { DeliveryTwist } from './webhooks/forgery.ts';
import { createPoster } from './webhooks/post.ts';
import { createGate } from './wire/auth.ts';
import { createCalls } from './wire/calls.ts';
import { createHttpServer } from './wire/http.ts';
import { createListener, type Listener } from './wire/listener.ts';
import { createLookups } from './wire/lookups.ts';
import { createPrinter } from './wire/printing.ts';
import { createRequestLog } from './wire/requests.ts';
import { createRoutes } from './wire/routes.ts';
import { createSandbox } from './wire/sandbox.ts';

export type SimulatorOptions = {
  /** Appended to and, at start, read: a simulator on the ledger of a former one goes on where that one was killed. */
  ledgerFile: string;
  host?: string;
  /** 0, the default, takes a free one. */
  port?: number;
  apiKey: string;
  readOnlyKey: string;
  /** Divides every duration that is Conduit's own. */
  timeScale?: number;
  knobs?: Partial<Knobs>;
  /** Reference rates by pair (`USDT.ethereum-USDC.ethereum`, `USD-EUR`). */
  rates?: Record<string, RateSpec>;
  /** Replays the ECB's history for every pair that `rates` does not name. */
  ecb?: EcbReplay;
  /** Takes plain HTTP webhook URLs, to whatever host. */
  allowHttpWebhooks?: boolean;
  /** An endpoint that is there from the start. */
  webhook?: { url: string; secret: string };
  /** Of the dice that faults with a probability or a range of delays throw. */
  seed?: number;
  log: Log;
};

export type Simulator = {
  /** `url` is the origin; Conduit's base URL is `<url>/v2`. Rejects when the port is taken or the ledger is damaged. */
  start(): Promise<{ url: string; port: number }>;
  /** Answers what is under way, writes what is queued, and closes. */
  stop(): Promise<void>;
  /** Ends as a kill would: sockets cut, nothing more written. For tests. */
  crash(): Promise<void>;
};

/** How long a graceful stop waits for calls under way; a call that a fault lets hang would wait for ever. */
const STOP_GRACE_MS = 2_000;

type Core = { book: Book; ledger: Ledger; clock: Clock; knobs: KnobBoard };

function deliveryTwist(
  rules: FaultRules,
  { data, type }: { data: Record<string, unknown>; type: string },
): DeliveryTwist {
  const { orderId, clientReferenceId: reference } = data as { orderId?: string; clientReferenceId?: string };
  const rule = rules.take({ operation: 'webhook', orderId, reference, eventType: type });
  const twists = faultsOf(rule?.action ?? {}).map(({ fault, params }) => fault.delivery?.(params));
  return Object.assign({}, ...twists) as DeliveryTwist;
}

function createWebhooks({ book, clock, knobs }: Core, rules: FaultRules, options: SimulatorOptions) {
  const endpoints = createEndpoints({ book, clock, knobs, allowHttp: options.allowHttpWebhooks ?? false });
  const deliveries = createDeliveries({
    book,
    clock,
    knobs,
    log: options.log,
    poster: createPoster({ clock, knobs, endpoints }),
    twistFor: ({ message }) => deliveryTwist(rules, message),
  });
  return { endpoints, deliveries };
}

type Running = {
  listener: Listener;
  clock: Clock;
  ledger: Ledger;
  deliveries: Deliveries;
};

/** Wires every part around a book and sets what a former run left under way going again. */
function assemble(core: Core, options: SimulatorOptions): Running & { endpoints: Endpoints } {
  const { book, clock, knobs, ledger } = core;
  const { log } = options;
  const dice = createDice(options.seed ?? 1);
  const random = dice.roll;
  const rules = createFaultRules({ random });
  const rates = createRates({ clock });
  const { endpoints, deliveries } = createWebhooks(core, rules, options);
  const transitions = createTransitions({ book, knobs, emit: deliveries.emit });
  const accounts = createAccounts({ book, knobs });
  const endings = createEndings({ book, clock, knobs, accounts, transitions });
  const settlements = createSettlements({ book, clock, knobs, accounts, transitions, endings });
  const quotes = createQuotes({ book, clock, knobs, rates });
  const intake = createOrderIntake({ book, clock, knobs, quotes, accounts, transitions });
  const orders = createOrders({ book, clock, intake, accounts, settlements, transitions });
  const sandbox = createSandbox({ book, orders, settlements, endings, accounts });
  const requests = createRequestLog();
  const routes = createRoutes({
    knobs,
    quotes,
    orders,
    accounts,
    lookups: createLookups({ book, twins: createTwins({ book, orders, settlements, transitions }) }),
    endpoints,
    deliveries,
    sandbox,
  });
  const sleep = (ms: number): Promise<void> =>
    ms <= 0 ? Promise.resolve() : new Promise((done) => void clock.at(clock.nowMs() + ms, done));
  const calls = createCalls({
    book,
    rules,
    requests,
    log,
    gate: createGate({ apiKey: options.apiKey, readOnlyKey: options.readOnlyKey, clock, knobs }),
    idempotency: createIdempotency({ book, clock, knobs }),
    tools: { sleep, random },
    printer: createPrinter({ clock, knobs, log }),
  });
  const desk = createDesk({
    ...core,
    dice,
    rates,
    rules,
    requests,
    orders,
    settlements,
    endings,
    accounts,
    deliveries,
  });

  for (const [pair, spec] of Object.entries(options.rates ?? {})) rates.set(pair, spec);
  rates.replayEcb(options.ecb);
  if (options.webhook) endpoints.ensure(options.webhook.url, options.webhook.secret);
  settlements.resume();
  deliveries.resume();
  const sweepForEver = (): void => {
    orders.sweep();
    clock.at(clock.nowMs() + knobs.scaled(knobs.get().lockSweepMs), sweepForEver);
  };
  sweepForEver();
  orders.claimFunded();

  const isReady = (): boolean => ledger.healthy();
  const listener = createListener(createHttpServer({ calls, routes, desk, clock, knobs, isReady, log }));
  return { listener, clock, ledger, deliveries, endpoints };
}

export function createSimulator(options: SimulatorOptions): Simulator {
  let running: Running | undefined;

  return {
    async start() {
      const { ledger, history } = await openLedger(options.ledgerFile);
      const timeScale = options.timeScale ?? 1;
      const clock = createClock();
      const knobs = createKnobBoard({ timeScale, initial: options.knobs ?? {} });
      const book = createBook(ledger, history);
      book.record({ event: 'simulator.started', timeScale });
      running = assemble({ book, ledger, clock, knobs }, options);
      const host = options.host ?? '127.0.0.1';
      const port = await running.listener.listen(host, options.port ?? 0).catch(async (error: unknown) => {
        await this.crash();
        throw error;
      });
      return { url: `http://${host === '0.0.0.0' ? '127.0.0.1' : host}:${port}`, port };
    },
    async stop() {
      if (!running) return;
      const { listener, clock, ledger, deliveries } = running;
      running = undefined;
      await listener.close(STOP_GRACE_MS);
      clock.stop();
      await deliveries.close();
      await ledger.close();
    },
    async crash() {
      if (!running) return;
      const { listener, clock, ledger, deliveries } = running;
      running = undefined;
      clock.stop();
      await ledger.abandon();
      await listener.close(0);
      await deliveries.close();
    },
  };
}
