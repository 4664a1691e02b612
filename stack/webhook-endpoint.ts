import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { SetupError } from './errors.ts';

export type WebhookEndpoint = { readonly id: string; readonly url: string; readonly secret: string };

type Conduit = { readonly baseUrl: string; readonly apiKey: string };

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

async function isKnown(conduit: Conduit, stored: WebhookEndpoint): Promise<boolean> {
  const response = await call(conduit, 'GET', `/webhooks/endpoints/${stored.id}`);
  const known = (await response.json()) as Partial<WebhookEndpoint>;
  return response.ok && known.url === stored.url;
}

function call(conduit: Conduit, method: string, path: string, body?: unknown): Promise<Response> {
  return fetch(`${conduit.baseUrl}${path}`, {
    method,
    headers: { 'x-api-key': conduit.apiKey, 'content-type': 'application/json' },
    signal: AbortSignal.timeout(10_000),
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
}
