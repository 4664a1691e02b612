const KEY_PREFIX_BY_HOST: Record<string, string> = {
  'api.conduit.financial': 'ck_live_',
  'api.sandbox.conduit.financial': 'ck_sandbox_',
};

/**
 * Throws when a key is not for the host that it would be sent to, or would travel there in the clear: a sandbox key in
 * production stops every order, and a live one anywhere else has leaked. Hosts that are not Conduit's take any key.
 */
export function assertKeyFitsHost(baseUrl: string, apiKey: string): void {
  const { hostname, protocol } = new URL(baseUrl);
  const prefix = KEY_PREFIX_BY_HOST[hostname.replace(/\.$/, '')];
  if (prefix === undefined) return;
  if (protocol !== 'https:') throw new Error(`${hostname} is to be called by https`);
  if (!apiKey.startsWith(prefix)) throw new Error(`the API key for ${hostname} must begin with ${prefix}`);
}
