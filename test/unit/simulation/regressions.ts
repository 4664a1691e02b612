import type { Kept } from './kept-form.ts';

/**
 * Histories that break a law as soon as a rule is dropped, or that once broke one of the protocol as it was. They are played at every
 * run here, and on the real workflow by test/workflow/simulation. Kept as histories, not as seed and path: those speak only to the
 * generator that drew them, and are other histories when that changes. They were drawn by fast-check and made small; some were changed
 * by hand after that, so that the real workflow shows the harm too. In most the rate crosses once all else lies in wait, and not before
 * the order is watched: there that takes a moment. The last command is there for the time before it, since after it all is well again.
 */
export const KEPT: readonly Kept[] = [
  {
    without: '"absent" is taken as proof that an execute had no effect',
    terms: {},
    commands: [
      { deed: { kind: 'send_faults', call: 'execute', faults: [{ kind: 'lost_reply' }] } },
      { deed: { kind: 'look_faults', fault: { kind: 'lag', ms: 60_000 }, count: 5 } },
      { when: { kind: 'after', ms: 30_000 }, deed: { kind: 'price', offset: 1_000 } },
      { when: { kind: 'after', ms: 300_000 }, deed: { kind: 'webhook' } },
    ],
  },
  {
    without: '"pending, unclaimed" is taken as proof that an execute had no effect',
    terms: {},
    commands: [
      { deed: { kind: 'send_faults', call: 'execute', faults: [{ kind: 'late', ms: 20_000 }] } },
      { when: { kind: 'after', ms: 30_000 }, deed: { kind: 'price', offset: 1_000 } },
      { when: { kind: 'after', ms: 300_000 }, deed: { kind: 'webhook' } },
    ],
  },
  {
    without: 'a send is repeated under a new key',
    terms: { conduit: { duplicates: 'made' } },
    commands: [
      { deed: { kind: 'send_faults', call: 'create', faults: [{ kind: 'lost_reply' }] } },
      { deed: { kind: 'look_faults', fault: { kind: 'lag', ms: 60_000 }, count: 8 } },
      { when: { kind: 'after', ms: 30_000 }, deed: { kind: 'price', offset: 1_000 } },
      { when: { kind: 'after', ms: 300_000 }, deed: { kind: 'webhook' } },
    ],
  },
  {
    without: 'a cancel is confirmed while an execute may be on its way',
    terms: { conduit: { settleMs: 60_000 } },
    commands: [
      { when: { kind: 'after', ms: 30_000 }, deed: { kind: 'price', offset: 1_000 } },
      { when: { kind: 'after', ms: 60_000 }, deed: { kind: 'customer_cancels' } },
    ],
  },
  {
    without: 'a permit neither compares versions nor judges the row',
    terms: { rateOffset: 1_000 },
    commands: [
      { deed: { kind: 'freeze', at: 'begin', ms: 5_000 } },
      { when: { kind: 'after', ms: 1_000 }, deed: { kind: 'customer_cancels' } },
    ],
  },
  {
    without: 'expiry is asked only before an attempt is begun',
    terms: { expiresInMs: 120_000 },
    commands: [
      { deed: { kind: 'send_faults', call: 'execute', faults: [{ kind: 'lost_request' }] } },
      { when: { kind: 'after', ms: 30_000 }, deed: { kind: 'price', offset: 1_000 } },
      { when: { kind: 'after', ms: 120_000 }, deed: { kind: 'webhook' } },
    ],
  },
  {
    without: "another send's refusal is taken for this one's",
    terms: { expiresInMs: 240_000 },
    commands: [
      {
        deed: {
          kind: 'send_faults',
          call: 'execute',
          faults: [{ kind: 'not_connected' }, { kind: 'late', ms: 60_000 }],
        },
      },
      { when: { kind: 'after', ms: 30_000 }, deed: { kind: 'price', offset: 1_000 } },
      { when: { kind: 'after', ms: 300_000 }, deed: { kind: 'webhook' } },
    ],
  },
  {
    without: 'bytes are sent again without a permit and a row of their own',
    terms: { conduit: { lockTtlMs: 60_000 } },
    commands: [
      {
        deed: {
          kind: 'send_faults',
          call: 'execute',
          faults: [{ kind: 'late', ms: 20_000 }, { kind: 'not_connected' }],
        },
      },
      { when: { kind: 'after', ms: 30_000 }, deed: { kind: 'price', offset: 1_000 } },
      { when: { kind: 'after', ms: 300_000 }, deed: { kind: 'webhook' } },
    ],
  },
  {
    without: 'a weaker reading replaces a stronger one',
    terms: { rateOffset: 1_000 },
    commands: [
      { deed: { kind: 'freeze', at: 'reply', ms: 20_000 } },
      { deed: { kind: 'look_faults', fault: { kind: 'lag', ms: 30_000 }, count: 1 } },
      { when: { kind: 'after', ms: 30_000 }, deed: { kind: 'webhook' } },
    ],
  },
  {
    without: 'what Conduit locked is not held against the condition',
    terms: {},
    commands: [
      { deed: { kind: 'lock', twist: { kind: 'worse', bps: 50 } } },
      { when: { kind: 'after', ms: 30_000 }, deed: { kind: 'price', offset: 1_000 } },
      { when: { kind: 'after', ms: 300_000 }, deed: { kind: 'webhook' } },
    ],
  },
  {
    without: 'a permit never ages',
    terms: { expiresInMs: 300_000, rateOffset: 1_000 },
    commands: [
      { deed: { kind: 'freeze', at: 'bytes', ms: 300_000 } },
      { when: { kind: 'after', ms: 1_000 }, deed: { kind: 'webhook' } },
    ],
  },
  {
    without: 'a refused cancel is forgotten',
    terms: {},
    commands: [
      { deed: { kind: 'send_faults', call: 'execute', faults: [{ kind: 'lost_request' }] } },
      { when: { kind: 'after', ms: 30_000 }, deed: { kind: 'price', offset: 1_000 } },
      { when: { kind: 'after', ms: 60_000 }, deed: { kind: 'customer_cancels' } },
    ],
  },
  {
    without: 'nobody follows what a fence leaves at Conduit',
    terms: {},
    commands: [
      { deed: { kind: 'lock', twist: { kind: 'other_debit' } } },
      { when: { kind: 'after', ms: 30_000 }, deed: { kind: 'price', offset: 1_000 } },
      { when: { kind: 'after', ms: 60_000 }, deed: { kind: 'customer_cancels' } },
    ],
  },
  {
    without: 'nobody asks Conduit to end an order whose execute is unresolved',
    terms: { rateOffset: 1_000 },
    commands: [
      {
        deed: {
          kind: 'send_faults',
          call: 'execute',
          faults: [{ kind: 'refused', status: 503, code: 'RATE_UNAVAILABLE', retryAfterMs: 500_000 }],
        },
      },
      { when: { kind: 'after', ms: 1_000 }, deed: { kind: 'webhook' } },
    ],
  },
  {
    without: 'a late 202 opens a closed attempt again',
    terms: { rateOffset: 1_000 },
    commands: [
      { deed: { kind: 'lock', twist: { kind: 'worse', bps: 50 } } },
      { deed: { kind: 'freeze', at: 'reply', ms: 120_000 } },
      { when: { kind: 'after', ms: 1_000 }, deed: { kind: 'webhook' } },
    ],
  },
  {
    without: 'a failure without linked transactions is believed at the first reading',
    terms: { conduit: { settleMs: 1_000 } },
    commands: [
      { deed: { kind: 'ends', end: { kind: 'failed', code: 'cancelled', linked: 'appears' }, isNow: false } },
      { when: { kind: 'after', ms: 30_000 }, deed: { kind: 'price', offset: 1_000 } },
    ],
  },
  {
    without: 'a failure without linked transactions is believed at the first reading',
    terms: { conduit: { settleMs: 1_000 } },
    commands: [
      { deed: { kind: 'ends', end: { kind: 'failed', code: 'cancelled', linked: 'another_appears' }, isNow: false } },
      { when: { kind: 'after', ms: 30_000 }, deed: { kind: 'price', offset: 1_000 } },
    ],
  },
  {
    without: 'neither versions are compared nor a live attempt asked for',
    terms: { rateOffset: 1_000 },
    commands: [{ deed: { kind: 'run_ends', newAfterMs: 0 } }],
  },
  {
    without: 'neither versions are compared nor a live attempt asked for',
    terms: { rateOffset: 1_000 },
    commands: [
      { deed: { kind: 'freeze', at: 'record', ms: 60_000 } },
      { when: { kind: 'after', ms: 1_000 }, deed: { kind: 'webhook' } },
    ],
  },
  {
    without: 'a permit does not ask for pauses',
    terms: { rateOffset: 1_000 },
    commands: [
      { deed: { kind: 'freeze', at: 'begin', ms: 1_000 } },
      { when: { kind: 'after', ms: 1_000 }, deed: { kind: 'pause' } },
      { when: { kind: 'after', ms: 1_000 }, deed: { kind: 'webhook' } },
    ],
  },
  {
    without: 'nobody tells a run of an attempt that was minted behind its back',
    // The fence is two minutes after the mint: whoever is told later than that is told in vain.
    terms: { expiresInMs: 240_000 },
    commands: [
      // The look begins at 60 s, is given up at 90 and mints at 105, before the watcher ticks again at 120. The webhook comes while the
      // look hangs: after the mint it would be what tells the run.
      { deed: { kind: 'freeze', at: 'begin', ms: 45_000 } },
      { when: { kind: 'after', ms: 30_000 }, deed: { kind: 'price', offset: 1_000 } },
      { when: { kind: 'after', ms: 45_000 }, deed: { kind: 'webhook' } },
    ],
  },
  {
    why: 'an orphan whose row said that money had moved was closed by a reading that showed less, and its order never ended',
    terms: { rateOffset: 1_000, conduit: { settleMs: 1_000 } },
    commands: [
      { deed: { kind: 'funds', areThere: false } },
      { deed: { kind: 'ends', end: { kind: 'failed', code: 'cancelled', linked: 'completed' }, isNow: false } },
      { when: { kind: 'after', ms: 4_000 }, deed: { kind: 'others_claim' } },
      { deed: { kind: 'freeze', at: 'reply', ms: 25_000 } },
      { when: { kind: 'after', ms: 1_000 }, deed: { kind: 'webhook' } },
      { when: { kind: 'after', ms: 2_000 }, deed: { kind: 'account', isActive: false } },
      { deed: { kind: 'webhook' } },
      { deed: { kind: 'look_faults', fault: { kind: 'down' }, count: 1 } },
      { deed: { kind: 'look_faults', fault: { kind: 'linked_unreadable' }, count: 1 } },
      { when: { kind: 'after', ms: 100_000 }, deed: { kind: 'customer_cancels' } },
      { when: { kind: 'after', ms: 300_000 }, deed: { kind: 'webhook' } },
    ],
  },
  {
    why: 'an hour after its execute a failure is read a minute after all is well again, and once more half a minute later',
    terms: { expiresInMs: 3_000_000, rateOffset: -100, conduit: { latencyMs: 300, settleMs: 4_000_000 } },
    commands: [
      { deed: { kind: 'price', offset: 300 } },
      {
        when: { kind: 'after', ms: 3_600_000 },
        deed: { kind: 'ends', end: { kind: 'failed', code: 'insufficient_funds', linked: 'none' }, isNow: true },
      },
      { deed: { kind: 'look_faults', fault: { kind: 'down' }, count: 9 } },
      { when: { kind: 'after', ms: 90_000 }, deed: { kind: 'webhook' } },
      { when: { kind: 'after', ms: 200 }, deed: { kind: 'webhook' } },
    ],
  },
  {
    why: 'a reply under way at the healing asks for a silence, and what is read after it is a failure that counts when read twice',
    terms: { amount: '20', rateOffset: 300, conduit: { latencyMs: 300, keyWindowMs: 5_000, settleMs: 1_000 } },
    commands: [
      {
        deed: {
          kind: 'send_faults',
          call: 'execute',
          faults: [
            { kind: 'lost_request' },
            { kind: 'refused', status: 429, code: 'RATE_LIMITED', retryAfterMs: null },
            { kind: 'late', ms: 45_007 },
          ],
        },
      },
      { deed: { kind: 'quote_faults', fault: { kind: 'limited', retryAfterMs: 54_566 }, count: 3 } },
      {
        when: { kind: 'after', ms: 40_000 },
        deed: { kind: 'ends', end: { kind: 'failed', code: 'insufficient_funds', linked: 'none' }, isNow: false },
      },
      {
        deed: {
          kind: 'send_faults',
          call: 'cancel',
          faults: [{ kind: 'refused', status: 429, code: 'RATE_LIMITED', retryAfterMs: 236_467 }],
        },
      },
      { when: { kind: 'after', ms: 382_325 }, deed: { kind: 'webhook' } },
    ],
  },
];
