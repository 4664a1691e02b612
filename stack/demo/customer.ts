import { runProductCommand } from '../product.ts';

/** Whose orders the demo places. */
export const USER_ID = 'f8a3e3a9-5678-41e9-8123-abcdef987654';

const ACCOUNTS = {
  'USDT:ethereum': 'wlt_demoUSDT00000000000001',
  'USDC:ethereum': 'wlt_demoUSDC00000000000001',
  USD: 'vac_demoUSD000000000000001',
  EUR: 'vac_demoEUR000000000000001',
};

/** Makes the user with its accounts, as an operator would, and returns a new key of its own. */
export async function addCustomer(env: Readonly<Record<string, string>>): Promise<string> {
  const accounts = Object.entries(ACCOUNTS).flatMap(([asset, id]) => ['--account', `${asset}=${id}`]);
  await runProductCommand('admin', ['user', 'add', '--id', USER_ID, ...accounts], env);
  return runProductCommand('admin', ['key', 'add', '--user', USER_ID], env);
}
