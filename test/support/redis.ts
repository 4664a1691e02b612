/** The Redis of the test run, with an index of its own for each of jest's workers. */
export function testRedisUrl(): string {
  const address = process.env['REDIS_URL'];
  if (!address) throw new Error('REDIS_URL is not set: run the tests by npm test, which starts the services');
  const url = new URL(address);
  url.pathname = `/${Number(process.env['JEST_WORKER_ID'] ?? 1) % 16}`;
  return url.href;
}
