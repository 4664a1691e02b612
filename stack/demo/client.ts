/** What the demo sends and reads, as the API spells it. */
export type OrderRequest = {
  readonly from_currency: string;
  readonly to_currency: string;
  readonly from_network: string | null;
  readonly to_network: string | null;
  readonly amount: string;
  readonly target_rate: string;
  readonly direction: '>=' | '<=';
  readonly idempotency_key: string;
  readonly user_id: string;
  readonly expires_at: string;
};

export type OrderView = {
  readonly order_id: string;
  readonly status: string;
  readonly reason: string | null;
  readonly version: number;
  readonly target_rate: string;
  readonly all_in_rate: string | null;
  readonly conduit_order_id: string | null;
};

export type OrderEvent = {
  readonly number: number;
  readonly event: string;
  readonly status: string;
  readonly reason: string | null;
  readonly occurred_at: string;
  readonly detail?: Record<string, string | number | null>;
};

export type ApiReply<T> = { readonly status: number; readonly replayed: boolean; readonly body: T };

/** The states that an order never leaves. */
export const FINAL: ReadonlySet<string> = new Set(['executed', 'cancelled', 'expired', 'failed']);

/** A customer of the API. */
export function createApiClient(apiUrl: string, apiKey: string) {
  async function call<T>(method: string, path: string, body?: unknown): Promise<ApiReply<T>> {
    const reply = await fetch(`${apiUrl}${path}`, {
      method,
      headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
      signal: AbortSignal.timeout(15_000),
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    return {
      status: reply.status,
      replayed: reply.headers.get('idempotency-replayed') === 'true',
      body: (await reply.json()) as T,
    };
  }

  return {
    place: (order: OrderRequest) => call<OrderView>('POST', '/conditional-transfers/', order),
    cancel: (id: string) => call<OrderView>('POST', `/orders/${id}/cancel`),
    read: async (id: string) => (await call<OrderView>('GET', `/orders/${id}`)).body,
    events: async (id: string) => (await call<{ events: OrderEvent[] }>('GET', `/orders/${id}/events`)).body.events,
    /** Reads until the order is final, or until the deadline; then as it is. */
    async untilFinal(
      id: string,
      deadlineMs: number,
      onChange: (order: OrderView) => void = () => {},
    ): Promise<OrderView> {
      const giveUpAt = performance.now() + deadlineMs;
      for (let shown = -1; ; ) {
        const order = await this.read(id);
        if (order.version !== shown) onChange(order);
        shown = order.version;
        if (FINAL.has(order.status) || performance.now() > giveUpAt) return order;
        await new Promise((resolve) => setTimeout(resolve, 200));
      }
    },
  };
}

export type ApiClient = ReturnType<typeof createApiClient>;
