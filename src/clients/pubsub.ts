import { Duration, type Message, PubSub, SubscriptionCloseBehaviors, v1 } from '@google-cloud/pubsub';

export interface OutgoingMessage {
  readonly data: Buffer;
  readonly attributes?: Readonly<Record<string, string>>;
}

export interface IncomingMessage {
  readonly id: string;
  readonly data: Buffer;
  readonly attributes: Readonly<Record<string, string>>;
  /** 1 for the first delivery; how often it was tried before it is forwarded to the dead letters. */
  readonly deliveryAttempt: number;
  readonly publishedAt: Date;
}

/** `ack`: it is done, never deliver it again. `nack`: deliver it again, later. */
export type Verdict = 'ack' | 'nack';

export interface SubscribeOptions {
  /** Handlers at work at the same time, and about how many messages are held here. */
  readonly maxInFlight: number;
  /** About how many bytes of messages are held here. */
  readonly maxBytes: number;
  /** Decides about one message; throwing means `nack`. */
  readonly handle: (message: IncomingMessage) => Promise<Verdict>;
  /** The stream ended by itself, and will not come back. */
  readonly onEnd: (error: unknown) => void;
}

export interface OpenSubscription {
  isOpen(): boolean;
  /** Milliseconds since the last message, or since it was opened. */
  silentMs(): number;
  /** Takes no more messages, gives back those not begun, and waits for the handlers and their acks, 15 s at most. */
  close(): Promise<void>;
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
const CLOSE_DEADLINE_MS = 15_000;

const GRPC = { deadlineExceeded: 4, notFound: 5, alreadyExists: 6, unavailable: 14 } as const;

export const deadLetterTopic = (topic: string) => `${topic}.dead-letter`;
const bridgeSubscription = (topic: string) => `${topic}.bridge`;
/** Dead letters are kept here until a person has looked at them. */
const holdSubscription = (topic: string) => `${deadLetterTopic(topic)}.hold`;

/**
 * Google Pub/Sub, or its emulator. Connects when it is first used. Names of topics are short ones: `order-checks`. Every call
 * ends in time and throws on failure; nothing is retried here.
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

    /** Whether a message waits that no stream holds. It is looked at by taking one, and given back at once. */
    async hasWaiting(topic: string): Promise<boolean> {
      const { subscriber } = await clients;
      const subscription = subscriptionPath(bridgeSubscription(topic));
      const [reply] = await subscriber.pull({ subscription, maxMessages: 1, returnImmediately: true }, ONCE);
      const ackIds = (reply.receivedMessages ?? []).map(({ ackId }) => ackId).filter((id) => typeof id === 'string');
      if (ackIds.length > 0) await subscriber.modifyAckDeadline({ subscription, ackIds, ackDeadlineSeconds: 0 }, ONCE);
      return ackIds.length > 0;
    },

    /** Opens the stream of the bridge's subscription, which must be there. */
    subscribe: (topic: string, options: SubscribeOptions) => openStream(pubsub, bridgeSubscription(topic), options),

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

/**
 * The library's own close gives back what the handlers still work on, and forgets messages that its flow control held; so what
 * is at work and what waits is kept here.
 */
function openStream(pubsub: PubSub, name: string, options: SubscribeOptions): OpenSubscription {
  const subscription = pubsub.subscription(name, {
    flowControl: { maxMessages: options.maxInFlight, maxBytes: options.maxBytes },
    minAckDeadline: Duration.from({ seconds: ACK_DEADLINE_S }),
    maxExtensionTime: Duration.from({ minutes: 5 }),
    // One stream: its limits are then the limits of all. It comes back by itself after a break of the connection.
    streamingOptions: { maxStreams: 1, timeout: CALL_DEADLINE_MS, retryMaxBackoff: Duration.from({ seconds: 5 }) },
    closeOptions: {
      behavior: SubscriptionCloseBehaviors.WaitForProcessing,
      timeout: Duration.from({ milliseconds: CLOSE_DEADLINE_MS }),
    },
  });
  const waiting: Message[] = [];
  let inFlight = 0;
  let isClosing = false;
  let lastHeardAt = performance.now();
  let lastError: unknown;

  async function handle(message: Message): Promise<void> {
    inFlight += 1;
    const verdict = await options.handle(toIncoming(message)).catch(() => 'nack' as const);
    if (verdict === 'ack') message.ack();
    else message.nack();
    inFlight -= 1;
    next();
  }
  function next(): void {
    while (inFlight < options.maxInFlight) {
      const message = waiting.shift();
      if (!message) return;
      void handle(message);
    }
  }
  subscription.on('error', (error) => {
    lastError = error;
  });
  subscription.on('close', () => {
    if (!isClosing) options.onEnd(lastError);
  });
  subscription.on('message', (message) => {
    lastHeardAt = performance.now();
    if (isClosing) return message.nack();
    waiting.push(message);
    next();
  });
  return {
    isOpen: () => subscription.isOpen && !isClosing,
    silentMs: () => performance.now() - lastHeardAt,
    async close() {
      isClosing = true;
      const closed = subscription.close();
      for (const message of waiting.splice(0)) message.nack();
      await closed;
    },
  };
}

function toIncoming(message: Message): IncomingMessage {
  const { id, data, attributes, deliveryAttempt, publishTime } = message;
  return { id, data, attributes, deliveryAttempt, publishedAt: publishTime };
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
