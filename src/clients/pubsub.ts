import { PubSub, type protos, v1 } from '@google-cloud/pubsub';

export interface OutgoingMessage {
  readonly data: Buffer;
  readonly attributes?: Readonly<Record<string, string>>;
}

export interface IncomingMessage {
  readonly id: string;
  /** Names this delivery of it, when it is acknowledged or given back. */
  readonly ackId: string;
  readonly data: Buffer;
  readonly attributes: Readonly<Record<string, string>>;
  /** 1 for the first delivery; how often it was tried before it is forwarded to the dead letters. */
  readonly deliveryAttempt: number;
  readonly publishedAt: Date;
}

export interface PubsubSettings {
  readonly projectId: string;
  /** `host:port` of an emulator; without it Google's service, with the credentials of the environment. */
  readonly emulatorHost?: string | undefined;
}

export type Pubsub = ReturnType<typeof connectPubsub>;

/** A call that did not answer in this time is tried again by its caller; the library would go on by itself for ten minutes. */
const CALL_DEADLINE_MS = 5_000;
/** A batch may be megabytes; a relay's lease on it is six times as long. */
const PUBLISH_DEADLINE_MS = 10_000;
/** Twice a handler's deadline: a message is not delivered to a second bridge while the first still works on it. */
const ACK_DEADLINE_S = 20;
/** Then it is forwarded to the dead letters: with the waits between them about a quarter of an hour. */
const MAX_DELIVERY_ATTEMPTS = 20;
const RETRY_POLICY = { minimumBackoff: { seconds: 1 }, maximumBackoff: { seconds: 60 } };
const RETENTION_S = 7 * 24 * 3_600;
/** How long a pull waits for a first message; the emulator answers a second earlier. A stop waits for it. */
const PULL_DEADLINE_MS = 3_000;

/** gRPC status codes that we tell apart: https://grpc.io/docs/guides/status-codes/ */
const GRPC = {
  deadlineExceeded: 4,
  notFound: 5,
  alreadyExists: 6,
  permissionDenied: 7,
  unavailable: 14,
  unauthenticated: 16,
} as const;
const UNAVAILABLE: readonly number[] = [
  GRPC.deadlineExceeded,
  GRPC.permissionDenied,
  GRPC.unavailable,
  GRPC.unauthenticated,
];

export const deadLetterTopic = (topic: string) => `${topic}.dead-letter`;
const bridgeSubscription = (topic: string) => `${topic}.bridge`;
/** Dead letters are kept here until a person has looked at them. */
const holdSubscription = (topic: string) => `${deadLetterTopic(topic)}.hold`;

/**
 * Google Pub/Sub, or its emulator. Connects when it is first used. Names of topics are short ones: `order-checks`. Every call
 * ends in time and throws on failure; nothing is retried here.
 *
 * Messages are pulled and not streamed. The library gives a stream up for good when its subscription is not found, is known to
 * fall silent without an error, and takes more than it was asked for; and of a bridge that was killed the emulator keeps the
 * stream: of 60 messages it fed 45 to the dead one, and delivered them to nobody else. What was pulled comes back when its time is
 * over, and no message is taken before there is a handler for it.
 */
export function connectPubsub({ projectId, emulatorHost }: PubsubSettings) {
  const pubsub = new PubSub({
    projectId,
    ...(emulatorHost === undefined ? {} : { apiEndpoint: emulatorHost, ...EMULATOR }),
    ...CHANNEL,
  });
  const clients = openClients(pubsub);
  const topicPath = (topic: string) => `projects/${projectId}/topics/${topic}`;
  const subscriptionPath = (subscription: string) => `projects/${projectId}/subscriptions/${subscription}`;

  /** Looks before it creates, because a bridge of somebody's own project may be allowed to use topics but not to create them. */
  async function ensureTopic(topic: string): Promise<void> {
    const { publisher } = await clients;
    await unlessPresent(publisher.getTopic({ topic: topicPath(topic) }, ONCE), () =>
      publisher.createTopic({ name: topicPath(topic) }, ONCE),
    );
  }

  async function ensureSubscription(name: string, topic: string, policies: object): Promise<void> {
    const { subscriber } = await clients;
    const subscription = subscriptionPath(name);
    const create = () =>
      subscriber.createSubscription(
        {
          name: subscription,
          topic: topicPath(topic),
          ackDeadlineSeconds: ACK_DEADLINE_S,
          messageRetentionDuration: { seconds: RETENTION_S },
          expirationPolicy: {}, // Never: by default a subscription that nobody reads for 31 days is deleted with its messages.
          ...policies,
        },
        ONCE,
      );
    const [found] = (await unlessPresent(subscriber.getSubscription({ subscription }, ONCE), create)) ?? [];
    if (!found || found.topic === topicPath(topic)) return;
    // Its topic was deleted, and a new topic of the same name does not feed it: it would stay empty for ever.
    await subscriber.deleteSubscription({ subscription }, ONCE);
    await create();
  }

  async function pullFrom(name: string, limit: number): Promise<IncomingMessage[] | null> {
    const { subscriber } = await clients;
    const request = { subscription: subscriptionPath(name), maxMessages: limit };
    try {
      const [reply] = await subscriber.pull(request, { ...ONCE, timeout: PULL_DEADLINE_MS });
      return (reply.receivedMessages ?? []).map(toIncoming);
    } catch (error) {
      if (codeOf(error) === GRPC.deadlineExceeded) return null;
      throw error;
    }
  }

  async function acknowledgeOn(name: string, ackId: string): Promise<void> {
    const { subscriber } = await clients;
    await subscriber.acknowledge({ subscription: subscriptionPath(name), ackIds: [ackId] }, ONCE);
  }

  async function holdFor(name: string, ackIds: string[], seconds: number): Promise<void> {
    if (ackIds.length === 0) return;
    const { subscriber } = await clients;
    const request = { subscription: subscriptionPath(name), ackIds, ackDeadlineSeconds: seconds };
    await subscriber.modifyAckDeadline(request, ONCE);
  }

  return {
    /**
     * Creates what is missing of a topic, its subscription, and the dead letters of both; several may do so at once. Ordering
     * stays off: dead letters do not work with it on the emulator, and the rows carry their own versions. On Google's service
     * its own account must be allowed to publish to the dead letters and to read the subscription:
     * https://cloud.google.com/pubsub/docs/handling-failures#grant_forwarding_permissions
     */
    async ensure(topic: string): Promise<void> {
      await ensureTopic(deadLetterTopic(topic));
      await ensureSubscription(holdSubscription(topic), deadLetterTopic(topic), {});
      await ensureTopic(topic);
      await ensureSubscription(bridgeSubscription(topic), topic, {
        retryPolicy: RETRY_POLICY,
        deadLetterPolicy: {
          deadLetterTopic: topicPath(deadLetterTopic(topic)),
          maxDeliveryAttempts: MAX_DELIVERY_ATTEMPTS,
        },
      });
    },

    /** Publishes all of them, or throws: then none, or, where the reply was lost, perhaps all. At most 1,000 and 10 MB. */
    async publish(topic: string, messages: readonly OutgoingMessage[]): Promise<void> {
      const { publisher } = await clients;
      const request = { topic: topicPath(topic), messages: messages.map((message) => ({ ...message })) };
      await publisher.publish(request, { ...ONCE, timeout: PUBLISH_DEADLINE_MS });
    },

    /** Whether the bridge's subscription is there and is fed by its topic. Throws when Pub/Sub does not answer. */
    async hasSubscription(topic: string): Promise<boolean> {
      const { subscriber } = await clients;
      try {
        const subscription = subscriptionPath(bridgeSubscription(topic));
        const [found] = await subscriber.getSubscription({ subscription }, ONCE);
        return found.topic === topicPath(topic);
      } catch (error) {
        if (isPubsubNotFound(error)) return false;
        throw error;
      }
    },

    /**
     * Takes up to `limit` messages for {@link ACK_DEADLINE_S} seconds, waiting a little for the first; null when the answer did not
     * come in time, which an empty subscription and a frozen server have in common.
     */
    pull: (topic: string, limit: number) => pullFrom(bridgeSubscription(topic), limit),

    /** Done: the message is not delivered again. An acknowledgement that is lost costs one more delivery. */
    acknowledge: (topic: string, { ackId }: IncomingMessage) => acknowledgeOn(bridgeSubscription(topic), ackId),

    /** Not done: the message is delivered again after the wait that {@link RETRY_POLICY} gives it. */
    giveBack: (topic: string, { ackId }: IncomingMessage) => holdFor(bridgeSubscription(topic), [ackId], 0),

    /** The dead letters of a topic, for a person: nobody else takes them. */
    deadLetters: {
      /** As {@link pull}. What is neither acknowledged nor released is there again when its hold ends. */
      pull: (topic: string, limit: number) => pullFrom(holdSubscription(topic), limit),

      /** Keeps what was pulled for `seconds` from now, so that the next pull brings others; 0 lets it be pulled at once. */
      hold: (topic: string, messages: readonly IncomingMessage[], seconds: number) =>
        holdFor(
          holdSubscription(topic),
          messages.map(({ ackId }) => ackId),
          seconds,
        ),

      /** Gone for good. */
      acknowledge: (topic: string, { ackId }: IncomingMessage) => acknowledgeOn(holdSubscription(topic), ackId),
    },

    async close(): Promise<void> {
      const { publisher, subscriber } = await clients;
      await Promise.allSettled([publisher.close(), subscriber.close(), pubsub.close()]);
    },
  };
}

/** Without a universe the library asks for one where the cloud keeps its metadata: seconds of waiting, or a warning, for nothing. */
const EMULATOR = { emulatorMode: true, universeDomain: 'googleapis.com' };
/** gRPC would let the wait between two connection attempts grow to two minutes. */
const CHANNEL = { 'grpc.initial_reconnect_backoff_ms': 200, 'grpc.max_reconnect_backoff_ms': 2_000 };
const ONCE = { timeout: CALL_DEADLINE_MS, retry: null };

/** The plain calls, without the library's own batches and retries: the callers count, lease and wait themselves. */
async function openClients(pubsub: PubSub) {
  // The same options by the library's own words; only its types differ on `undefined`.
  const settings = (await pubsub.getClientConfig()) as ConstructorParameters<typeof v1.PublisherClient>[0];
  return { publisher: new v1.PublisherClient(settings), subscriber: new v1.SubscriberClient(settings) };
}

async function unlessPresent<T>(present: Promise<T>, create: () => Promise<unknown>): Promise<T | null> {
  try {
    return await present;
  } catch (error) {
    if (!isPubsubNotFound(error)) throw error;
  }
  await create().catch((error: unknown) => {
    if (codeOf(error) !== GRPC.alreadyExists) throw error; // Another bridge was quicker.
  });
  return null;
}

function toIncoming({ ackId, message, deliveryAttempt }: protos.google.pubsub.v1.IReceivedMessage): IncomingMessage {
  return {
    id: message?.messageId ?? '',
    ackId: ackId ?? '',
    data: Buffer.from(message?.data ?? ''),
    attributes: message?.attributes ?? {},
    deliveryAttempt: deliveryAttempt ?? 0,
    publishedAt: new Date(Number(message?.publishTime?.seconds ?? 0) * 1_000),
  };
}

/** Whether the call did not come through, or was not let in: nothing is known to be wrong with what was asked. */
export function isPubsubUnavailable(error: unknown): boolean {
  const code = codeOf(error);
  return code !== null && UNAVAILABLE.includes(code);
}

/** The topic or the subscription is not there: it was never made, or the emulator lost it. */
export function isPubsubNotFound(error: unknown): boolean {
  return codeOf(error) === GRPC.notFound;
}

function codeOf(error: unknown): number | null {
  return typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'number'
    ? error.code
    : null;
}
