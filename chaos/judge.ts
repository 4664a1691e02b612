// `npm run chaos:judge -- FOLDER…`: holds the evidence of experiments against the laws, now or long after they ran.
import { judge, outcomesIn } from './checker/judge.ts';

const folders = process.argv.slice(2);
if (folders.length === 0) {
  process.stderr.write(
    'npm run chaos:judge -- FOLDER…\n\nEach folder is one that an experiment left: it holds meta.json.\n',
  );
  process.exitCode = 2;
}
for (const folder of folders) {
  const { statuses, violations, deliveredLate } = judge(folder);
  const ends = Object.entries(outcomesIn(statuses)).map(([status, count]) => `${count} ${status}`);
  process.stdout.write(`${folder}: ${statuses.length} orders (${ends.join(', ')}), ${violations.length} violations\n`);
  if (deliveredLate > 0)
    process.stdout.write(`  counted apart: ${deliveredLate} effects that the network delivered late\n`);
  for (const { invariant, orderId, text } of violations)
    process.stdout.write(`  ${invariant} ${orderId ?? ''}: ${text}\n`);
  if (violations.length > 0) process.exitCode = 1;
}
