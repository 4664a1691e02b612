// Bugs in how money is moved.
import type { Recipe } from './build.ts';
import { withAgelessPermits, withFreshKeys } from './careless-sends.ts';

const NO_ORDER_EDGES = 'drop trigger if exists order_edge on orders';

export const TRANSFER_BUILDS = {
  'fresh-key': {
    broken: 'every request to Conduit carries a fresh random key, a repeated one too',
    harms: ['I1', 'I7'],
    caughtBy: 'B08',
    wrappers: { conduit: withFreshKeys },
  },
  'no-look-up': {
    broken: 'a time-out is read as "it never arrived": nobody looks up what became of the request',
    harms: ['I5', 'I1', 'I7'],
    caughtBy: 'B01',
    mutations: [
      {
        file: 'src/clients/conduit/sends.ts',
        text: `        outcome: 'unknown',
        code: outcome.code,`,
        by: `        outcome: 'no_effect',
        code: NOT_CONNECTED,`,
      },
      {
        file: 'src/domain/decide.ts',
        text: "  return look.kind === 'sleep' && look.until > action.until ? action : look;",
        by: '  return action;',
      },
    ],
  },
  'foreign-refusal': {
    broken: 'one execute that was refused is taken as proof that none of the attempt took effect',
    harms: ['I5', 'I1', 'I7'],
    caughtBy: 'B02',
    mutations: [
      {
        file: 'src/domain/conclude.ts',
        text: 'executes.some(isUnresolved)',
        by: 'executes.every(isUnresolved)',
      },
      {
        file: 'src/db/proofs.ts',
        text: "bool_and(s.outcome is not null and s.outcome in ('no_effect', 'unsent'))",
        by: "bool_or(s.outcome is not null and s.outcome in ('no_effect', 'unsent'))",
      },
      {
        file: 'src/db/proofs.ts',
        text: `      and not exists (select from conduit_sends s where s.order_id = t.order_id and s.attempt = t.attempt
        and s.operation = 'execute' and (s.outcome is null or s.outcome not in ('no_effect', 'unsent')))`,
        by: `      and coalesce((select bool_or(s.outcome in ('no_effect', 'unsent')) from conduit_sends s
        where s.order_id = t.order_id and s.attempt = t.attempt and s.operation = 'execute'), true)`,
      },
    ],
  },
  'absent-is-proof': {
    broken: 'an order that Conduit does not show is taken as one that it never had, and the next attempt begins',
    harms: ['I1', 'I7'],
    caughtBy: 'B03',
    mutations: [
      {
        file: 'src/domain/decide.ts',
        text: '  const isFencing = now >= order.expiresAt',
        by: `  if (attempt.status === 'executing' && attempt.lookup?.result === 'absent') return fence('attempt_without_effect');
  const isFencing = now >= order.expiresAt`,
      },
      {
        file: 'src/db/proofs.ts',
        text: `and status in ('prepared', 'created')
      and (observed is null or observed not in ('claimed', 'terminal'))
      and not exists (select from conduit_sends s where s.order_id`,
        by: `and (status in ('prepared', 'created') or lookup_result = 'absent')
      and (observed is null or observed not in ('claimed', 'terminal') or lookup_result = 'absent')
      and not exists (select from conduit_sends s where t.lookup_result is distinct from 'absent' and s.order_id`,
      },
    ],
  },
  'failure-read-once': {
    broken: 'a failure whose transactions show no effect is believed at its first reading',
    harms: ['I1', 'I7'],
    caughtBy: 'B14',
    mutations: [
      { file: 'src/domain/conclude.ts', text: 'if (!isReadTwice(end, timing)) {', by: 'if (end === null) {' },
      {
        file: 'src/db/proofs.ts',
        text: `and (\${isOvertaken} or end_read_again_at`,
        by: `and (\${isOvertaken} or true or end_read_again_at`,
      },
    ],
  },
  'dead-quote-is-final': {
    broken:
      'a create that is refused because its quote has expired fails the order, as if it could never be carried out',
    harms: ['I7'],
    caughtBy: 'F25',
    mutations: [
      { file: 'src/domain/replies.ts', text: "QUOTE_EXPIRED: 'quote_again',", by: "QUOTE_EXPIRED: 'final'," },
    ],
  },
  'cancel-ignores-executing': {
    broken: 'a cancel is confirmed although the order is executing; the trigger that forbids the edge is gone too',
    harms: ['I5', 'I8', 'I1'],
    caughtBy: 'B04',
    mutations: [
      {
        file: 'src/db/cancel.ts',
        text: "if (order.status === 'executing' || order.cancelRefusedAt !== null)",
        by: 'if (order.cancelRefusedAt !== null)',
      },
      {
        file: 'src/db/cancel.ts',
        text: "(!live || (await fenceAttempt(tx, orderId, live.attempt, 'cancelled', timing))),",
        by: `(!live || Boolean(await tx\`update transactions set status = 'cancelled', version = version + 1, closed_at = app_now(),
          closed_by = 'fence', unknown_since = null where order_id = \${orderId} and attempt = \${live.attempt}\`)),`,
      },
      {
        file: 'src/domain/order.ts',
        text: "executing: ['executed', 'watching', 'expired', 'failed'],",
        by: "executing: ['executed', 'watching', 'expired', 'failed', 'cancelled'],",
      },
    ],
    unguard: [NO_ORDER_EDGES],
  },
  'permit-without-lock': {
    broken:
      "a permit and a cancel read the order without its row's lock; the triggers and the constraint that would refuse the loser are gone too",
    harms: ['I5', 'I8', 'I11'],
    caughtBy: 'B05',
    mutations: [
      {
        file: 'src/db/orders.ts',
        text: `where order_id = \${orderId} for update\``,
        by: `where order_id = \${orderId}\``,
      },
      {
        file: 'src/db/transition.ts',
        text: "and status in ('prepared', 'created', 'executing') for update`",
        by: "and status in ('prepared', 'created', 'executing')`",
      },
    ],
    unguard: [
      NO_ORDER_EDGES,
      'drop trigger if exists attempt_edge on transactions',
      'alter table transactions drop constraint if exists closed_when_ended',
    ],
  },
  'expiry-once': {
    broken: 'the expiry is checked when an attempt begins, and never again',
    harms: ['I4'],
    caughtBy: 'B07',
    mutations: [
      {
        file: 'src/db/permits.ts',
        text: `least(o.expires_at - \${timing.sendMarginMs} * interval '1 millisecond',
                            t.option_expires_at - \${timing.quoteMarginMs} * interval '1 millisecond')`,
        by: `t.option_expires_at - \${timing.quoteMarginMs} * interval '1 millisecond'`,
      },
      {
        file: 'src/db/permits.ts',
        text: 'least(o.expires_at, t.lock_expires_at) -',
        by: 't.lock_expires_at -',
      },
      {
        file: 'src/domain/decide.ts',
        text: 'const isFencing = now >= order.expiresAt - timing.sendMarginMs || order.cancelRefusedAt !== null;',
        by: 'const isFencing = order.cancelRefusedAt !== null;',
      },
      {
        file: 'src/domain/decide.ts',
        text: `  return order.expiresAt - timing.sendMarginMs;
}`,
        by: `  return order.expiresAt + timing.sendMarginMs * 1_000;
}`,
      },
    ],
  },
  'ageless-permit': {
    broken: 'nobody asks how old a permit is when its request leaves',
    harms: ['I4'],
    caughtBy: 'B12',
    wrappers: { conduit: withAgelessPermits },
  },
  'rate-on-quote': {
    broken: 'the rate is judged on the quote, and not again on what Conduit locked',
    harms: ['I3'],
    caughtBy: 'B09',
    mutations: [
      {
        file: 'src/db/permits.ts',
        text: `        when '>=' then t.locked_recipient - t.locked_destination_fee >= o.target_rate * t.locked_debit
        else t.locked_recipient <= o.target_rate * t.locked_debit
          and t.locked_recipient - t.locked_destination_fee >= o.floor_rate * t.locked_debit end`,
        by: "        when '>=' then true else true end",
      },
      {
        file: 'src/domain/decide.ts',
        text: 'if (!new Decimal(locked.debit).eq(order.amount) || !isRateMet(order, locked))',
        by: 'if (!new Decimal(locked.debit).eq(order.amount))',
      },
    ],
  },
} as const satisfies Record<string, Recipe>;
