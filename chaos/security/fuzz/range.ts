// Where shots are fired, and their answers judged.
import { randomUUID } from 'node:crypto';
import type { System } from '../../system/system.ts';
import { told } from '../isolation.ts';
import { type Heard, type RawReply, shoot } from '../raw-http.ts';
import type { Book } from './book.ts';
import type { Noise } from './nonsense.ts';
import { type Fault, judgeReply, NO_QUOTE } from './oracle.ts';
import { ORDER_BODY } from './requests.ts';
import { fill, type Places, render, type Shot } from './shot.ts';

export interface RangeDeps {
  readonly system: System;
  readonly places: Places;
  readonly book: Book;
}

export interface Judged {
  readonly reply: RawReply | null;
  readonly faults: readonly Fault[];
}

export interface Range {
  /** The answer, and what is wrong with it. */
  readonly fire: (shot: Shot) => Promise<Judged>;
  /** Whatever is answered to it is judged; nothing need be. */
  readonly make: (noise: Noise) => Promise<Judged>;
  /** What is wrong with an answer to whatever else was asked. */
  readonly judge: (reply: RawReply) => Fault[];
  /** How often each answer came. */
  readonly counts: ReadonlyMap<string, number>;
}

/** Longer than any proper answer takes on a busy machine. */
const ANSWER_DEADLINE_MS = 10_000;
/** For what is owed no answer: one that comes, comes at once. */
const NOISE_DEADLINE_MS = 400;
const GAP_MS = 20;

export function openRange({ system, places, book }: RangeDeps): Range {
  const { apiUrl, env, secrets, customers } = system;
  const canaries = [...secrets, ...customers.flatMap(({ accounts }) => Object.values(accounts))];
  const counts = new Map<string, number>();
  const deps = () => ({
    places,
    // The newest: while the provider rotates them there are two.
    webhookSecret: env['CONDUIT_WEBHOOK_SECRET']?.split(',')[0] ?? '',
    fresh: randomUUID(),
    now: Date.now(),
  });

  function judgeHeard(heard: Heard, isHead: boolean, isOptions: boolean): Fault[] {
    for (const reply of heard.replies) counts.set(told(reply), (counts.get(told(reply)) ?? 0) + 1);
    if (heard.replies.length === 0) counts.set('no answer', (counts.get('no answer') ?? 0) + 1);
    return heard.replies.flatMap((reply) => judgeReply(reply, { isHead, isOptions, canaries }));
  }

  async function fireOnce(shot: Shot): Promise<Judged> {
    const { bytes, body, isWhole, isOwed } = render(shot, deps());
    const isHead = shot.method === 'HEAD';
    const deadlineMs = isWhole ? ANSWER_DEADLINE_MS : NOISE_DEADLINE_MS;
    const askedAt = Date.now();
    const heard = await shoot(apiUrl, [bytes], { deadlineMs, isHead });
    const [reply = null] = heard.replies;
    const faults = judgeHeard(heard, isHead, shot.method === 'OPTIONS');
    if (isOwed && !reply) faults.push({ invariant: 'I14', text: unanswered(heard) });
    if (reply) {
      await book.keep({ method: shot.method, path: shot.target, body, askedAt, heardAt: Date.now() }, reply);
      faults.push(...judgeMeaning(shot, reply, places));
    }
    return { reply, faults };
  }

  return {
    counts,
    judge: (reply) => judgeReply(reply, { isHead: false, isOptions: false, canaries }),
    async fire(shot) {
      const first = await fireOnce(shot);
      if (told(first.reply) !== NO_QUOTE) return first;
      // One that was late once is had the next time; what the request itself keeps from being quoted is so again.
      const { reply, faults } = await fireOnce(shot);
      const isAgain: Fault[] =
        told(reply) === NO_QUOTE ? [{ invariant: 'I14', text: `${NO_QUOTE}, twice in a row` }] : [];
      return { reply, faults: [...first.faults, ...faults, ...isAgain] };
    },
    async make({ pieces, end }) {
      const given = deps();
      const length = String(Buffer.byteLength(fill(ORDER_BODY, given)));
      const bytes = pieces.map((piece) => Buffer.from(fill(piece, given).replaceAll('<<length>>', length), 'latin1'));
      const askedAt = Date.now();
      const heard = await shoot(apiUrl, bytes, { deadlineMs: NOISE_DEADLINE_MS, end, gapMs: GAP_MS });
      // Of all of them, before the first is kept: keeping one takes time, and cancels its order.
      const asked = { method: 'POST', path: '', body: Buffer.alloc(0), askedAt, heardAt: Date.now() };
      const isHead = pieces[0]?.startsWith('HEAD') ?? false;
      const isOptions = pieces[0]?.startsWith('OPTIONS') ?? false;
      const faults = judgeHeard(heard, isHead, isOptions);
      for (const reply of heard.replies) await book.keep(asked, reply);
      return { reply: heard.replies[0] ?? null, faults };
    },
  };
}

/** What an answer must mean for this question, beyond being a proper one. */
function judgeMeaning({ signature, target, method }: Shot, reply: RawReply, { foreign }: Places): Fault[] {
  const faults: Fault[] = [];
  const isGood = reply.status < 300;
  if (signature !== null && signature !== 'right' && isGood)
    faults.push({ invariant: 'I15', text: `a webhook was taken whose signature is ${signature}` });
  if (signature === 'right' && told(reply) === '401 invalid_signature')
    faults.push({ invariant: 'I11', text: 'a webhook was refused that was rightly signed' });
  if (target.includes('<<foreign>>') && isGood && method !== 'OPTIONS')
    faults.push({ invariant: 'I10', text: `of another user's order the answer is ${reply.status}` });
  if (reply.text.includes(foreign)) faults.push({ invariant: 'I10', text: "the answer shows another user's order" });
  return faults;
}

function unanswered({ rest, isSilent, ms }: Heard): string {
  const how = isSilent ? `nothing came for ${ms} ms` : 'the connection ended without an answer';
  return rest === '' ? how : `${how} but ${JSON.stringify(rest.slice(0, 200))}`;
}
