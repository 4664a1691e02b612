import { randomUUID } from 'node:crypto';
import { expect, test } from '@jest/globals';
import type { IncomingMessage, OutgoingMessage } from '../../../src/clients/pubsub.ts';
import type { Database } from '../../../src/db/client.ts';
import { attributesToReplay, lineOf, readDeadLetter } from '../../../src/main/admin/dead-letter.ts';
import { withBox } from '../../../src/main/admin/dead-letter-box.ts';
import { replay } from '../../../src/main/admin/dead-letter-replay.ts';
import { spy } from '../bridge/fakes.ts';

const ORDER = randomUUID();

function aMessage(
  id: string,
  attributes: Record<string, string> = {},
  data = `{"v":1,"order_id":"${ORDER}"}`,
): IncomingMessage {
  return { id, ackId: `ack-${id}`, data: Buffer.from(data), attributes, deliveryAttempt: 0, publishedAt: new Date(0) };
}
const aLetter = (attributes: Record<string, string> = {}, data?: string) =>
  readDeadLetter('order-checks', aMessage('m1', attributes, data));

function setUp() {
  const did: string[] = [];
  const said: string[] = [];
  const pubsub = {
    hasSubscription: spy(async (_topic: string) => true),
    publish: spy(async (_topic: string, _messages: readonly OutgoingMessage[]): Promise<void> => {
      await new Promise((resolve) => setImmediate(resolve));
      did.push('confirmed');
    }),
  };
  const box = { takeOut: spy(async (_letter: object): Promise<void> => void did.push('taken out')) };
  /** Every query finds the order; a list of columns is only a piece of one. */
  const query = (first: unknown) => (Array.isArray(first) && 'raw' in first ? Promise.resolve([{ id: ORDER }]) : '');
  const io = { say: (line: string) => void said.push(line), tell: () => {} };
  return { did, said, pubsub, box, deps: { pubsub, db: query as unknown as Database, io } };
}

test('a letter is taken out when its publishing is confirmed, not before', async () => {
  const { did, said, pubsub, box, deps } = setUp();
  expect(await replay(deps, aLetter({ from: 'test', parked_reason: 'not_json' }), box)).toBe('done');
  expect(did).toEqual(['confirmed', 'taken out']);
  expect(pubsub.publish.calls[0]?.[1]).toEqual([
    { data: aLetter().message.data, attributes: { from: 'test', replayed_from: 'm1' } },
  ]);
  expect(said).toEqual([expect.stringMatching(/^replayed {3}order-checks {2}m1 {2}/)]);
});

test('one whose publishing fails is not taken out', async () => {
  const { pubsub, box, deps } = setUp();
  pubsub.publish.answers(() => Promise.reject(new Error('away')));
  await expect(replay(deps, aLetter(), box)).rejects.toThrow('away');
  expect(box.takeOut.calls).toEqual([]);
});

test('one that is published and cannot be taken out is told to be both', async () => {
  const { said, box, deps } = setUp();
  box.takeOut.answers(() => Promise.reject(new Error('away')));
  expect(await replay(deps, aLetter(), box)).toBe('stays');
  expect(said[0]).toMatch(/^replayed .*stays too \(away\)/);
});

test('what can never be read is not published', async () => {
  const { said, pubsub, box, deps } = setUp();
  expect(await replay(deps, aLetter({}, '{"v":9}'), box)).toBe('stays');
  expect(pubsub.publish.calls).toEqual([]);
  expect(said[0]).toMatch(/^stays .*unknown_version/);
});

test('a sender cannot write into the terminal, nor pass for us where Pub/Sub says otherwise', () => {
  const attributes = {
    parked_reason: 'not_json\u001b]0;owned\u0007\n\u202e',
    CloudPubSubDeadLetterSourceDeliveryCount: '20',
    CloudPubSubDeadLetterSourceSubscription: 'order-checks.bridge',
    CloudPubSubDeadLetterSourceTopicPublishTime: '2031-01-31T10:00:00.000+00:00',
  };
  const line = lineOf(aLetter(attributes));
  expect(line).toContain('forwarded by Pub/Sub after 20 deliveries  from order-checks.bridge, published 2031-01-31T10');
  expect(line).toContain(`order ${ORDER}`);
  const parked = lineOf(aLetter({ parked_reason: attributes.parked_reason }, '\u001b[2J\n\u0085'));
  expect(parked).toMatch(/^[ -~]+$/);
  expect(attributesToReplay(aLetter({ ...attributes, from: 'test' }))).toEqual({ from: 'test', replayed_from: 'm1' });
});

/** A topic that gives these pages of letters one after another; to hold them for `failsFor` seconds fails. */
function topicOf(pages: IncomingMessage[][], failsFor: number | null = null) {
  const holds: [string[], number][] = [];
  const pubsub: Parameters<typeof withBox>[0] = {
    hasSubscription: async () => true,
    deadLetters: {
      pull: async () => pages.shift() ?? [],
      async hold(_topic, messages, seconds) {
        if (seconds === failsFor) throw new Error(`not held for ${seconds} s`);
        holds.push([messages.map(({ ackId }) => ackId), seconds]);
      },
      acknowledge: async () => {},
    },
  };
  return { pubsub, holds };
}

test('a letter that comes again while it is held is read once, and put back by its newest delivery', async () => {
  const first = aMessage('m1');
  const { pubsub, holds } = topicOf([[first], [{ ...first, ackId: 'ack-again' }], [aMessage('m2')]]);
  const ids: string[] = [];
  await withBox(pubsub, 'order-checks', async (box) => {
    for (let page = await box.next(1); page.length > 0; page = await box.next(1))
      ids.push(...page.map(({ message }) => message.id));
  });
  expect(ids).toEqual(['m1', 'm2']);
  expect(holds).toEqual([
    [['ack-m1'], 60],
    [['ack-again'], 60],
    [['ack-m2'], 60],
    [['ack-again', 'ack-m2'], 0],
  ]);
});

test('what was pulled and could not be held is put back at once', async () => {
  const { pubsub, holds } = topicOf([[aMessage('m1'), aMessage('m2')]], 60);
  await expect(withBox(pubsub, 'order-checks', (box) => box.next(10))).rejects.toThrow('not held for 60 s');
  expect(holds).toEqual([[['ack-m1', 'ack-m2'], 0]]);
});

test('a putting back that fails hides nothing that went wrong before it, and is told when nothing did', async () => {
  const failing = withBox(topicOf([[aMessage('m1')]], 0).pubsub, 'order-checks', async (box) => {
    await box.next(10);
    throw new Error('the first');
  });
  await expect(failing).rejects.toThrow('the first');
  const { pubsub } = topicOf([[aMessage('m1')]], 0);
  await expect(withBox(pubsub, 'order-checks', (box) => box.next(10))).rejects.toThrow('not held for 0 s');
});
