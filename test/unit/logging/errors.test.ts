import { expect, test } from '@jest/globals';
import { loggedError } from '../../../src/logger.ts';

test('of an error of PostgreSQL the row that it refused is not logged', () => {
  const error = Object.assign(
    new Error('new row for relation "orders" violates check constraint "expires_after_creation"'),
    {
      code: '23514',
      constraint_name: 'expires_after_creation',
      detail: 'Failing row contains (1, wlt_source, wlt_destination).',
      where: 'SQL statement "insert …"',
    },
  );
  const text = JSON.stringify(loggedError(error));
  expect(text).toContain('expires_after_creation');
  expect(text).not.toMatch(/wlt_|SQL statement/);
});
