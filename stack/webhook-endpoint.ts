import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { SetupError } from './errors.ts';
import { DATA_DIR } from './paths.ts';
import type { Progress } from './progress.ts';
import type { Services } from './services.ts';

export type WebhookEndpoint = { readonly id: string; readonly url: string; readonly secret: string };

type Conduit = { readonly baseUrl: string; readonly apiKey: string };

/**
 * The secret of the webhooks that the simulator sends to the api on this machine, as the setting of the processes. Only the
 * simulator may call back to here; at another Conduit the webhook is registered by its operator.
 */
export async function webhookSecret(
  services: Services,
  apiPort: string,
  progress: Progress,
): Promise<Record<string, string>> {
  if (!services.isOurs('simulator')) return {};
  const { CONDUIT_BASE_URL: baseUrl = '', CONDUIT_API_KEY: apiKey = '' } = services.env;
  const url = `http://127.0.0.1:${apiPort}/webhooks/conduit`;
  const register = () => ensureWebhookEndpoint({ baseUrl, apiKey }, url, join(DATA_DIR, 'webhook-endpoint.json'));
  const { secret } = await progress.step('Webhook endpoint', register, () => url);
  return { CONDUIT_WEBHOOK_SECRET: secret };
}

/**
 * Has Conduit deliver its events to `url` and returns the endpoint with its secret. Conduit shows a secret once, so it is
 * kept in `storeFile` (mode 0600), and used again for as long as Conduit still knows that endpoint under that address.
 */
export async function ensureWebhookEndpoint(
  conduit: Conduit,
  url: string,
  storeFile: string,
): Promise<WebhookEndpoint> {
  const stored = existsSync(storeFile) && (JSON.parse(readFileSync(storeFile, 'utf8')) as WebhookEndpoint);
  if (stored && stored.url === url && (await isKnown(conduit, stored))) return stored;

  const response = await call(conduit, 'POST', '/webhooks/endpoints', { url, description: 'local stack' });
  const created = (await response.json()) as Partial<WebhookEndpoint>;
  if (!response.ok || !created.id || !created.secret) {
    throw new SetupError(
      `Conduit did not register the webhook for ${url}: HTTP ${response.status} ${JSON.stringify(created)}`,
    );
  }
  const endpoint = { id: created.id, url, secret: created.secret };
  mkdirSync(dirname(storeFile), { recursive: true });
  writeFileSync(storeFile, `${JSON.stringify(endpoint)}\n`, { mode: 0o600 });
  return endpoint;
}

/** Has Conduit sign with a new secret, which is returned; the former one is good for a while yet. */
export async function rotateWebhookSecret(conduit: Conduit, id: string): Promise<string> {
  // Of all calls about endpoints this one alone wants a key.
  const response = await call(conduit, 'POST', `/webhooks/endpoints/${id}/rotate`, undefined, {
    'idempotency-key': randomUUID(),
  });
  const { secret } = (await response.json()) as Partial<WebhookEndpoint>;
  if (!response.ok || !secret) throw new Error(`Conduit rotated no secret: HTTP ${response.status}`);
  return secret;
}

async function isKnown(conduit: Conduit, stored: WebhookEndpoint): Promise<boolean> {
  const response = await call(conduit, 'GET', `/webhooks/endpoints/${stored.id}`);
  const known = (await response.json()) as Partial<WebhookEndpoint>;
  return response.ok && known.url === stored.url;
}

function call(
  conduit: Conduit,
  method: string,
  path: string,
  body?: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<Response> {
  return fetch(`${conduit.baseUrl}${path}`, {
    method,
    headers: { 'x-api-key': conduit.apiKey, 'content-type': 'application/json', ...headers },
    signal: AbortSignal.timeout(10_000),
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
}
