import { randomUUID } from 'node:crypto';
import { msToTs } from '@temporalio/common/lib/time.js';
import { connectTemporal } from '../../src/clients/temporal.ts';
import { SEARCH_ATTRIBUTES } from '../../src/clients/temporal-starts.ts';
import { loadTemporalSettings } from '../../src/main/temporal-settings.ts';
import { eventually } from './eventually.ts';

// Numbers of Temporal's protocol, which its client does not export by name.
const INDEXED_VALUE_TYPES = { KEYWORD: 2, DATETIME: 6 } as const;
const COMPLETE_WORKFLOW_EXECUTION = 4;

/** The server's address, as `npm test` gives it. */
export function temporalAddress(): string {
  const address = process.env['TEMPORAL_ADDRESS'];
  if (!address) throw new Error('TEMPORAL_ADDRESS is not set: run the tests by npm test');
  return address;
}

/** A namespace of the test's own: workflow ids and task queues that nobody else sees. */
export async function createTestNamespace({ withSearchAttributes = true } = {}) {
  const namespace = `test-${randomUUID()}`;
  const settings = { ...loadTemporalSettings(process.env), namespace };
  const temporal = connectTemporal(settings);
  const { connection, workflow } = temporal.client;
  await connection.workflowService.registerNamespace({
    namespace,
    workflowExecutionRetentionPeriod: msToTs('1 day'),
  });
  await eventually('the namespace', () => temporal.ping().then(() => true));
  const test = {
    namespace,
    settings,
    temporal,

    async addSearchAttributes(): Promise<void> {
      const searchAttributes = Object.values(SEARCH_ATTRIBUTES).map(
        ({ name, type }) => [name, INDEXED_VALUE_TYPES[type]] as const,
      );
      await connection.operatorService.addSearchAttributes({
        namespace,
        searchAttributes: Object.fromEntries(searchAttributes),
      });
      await eventually('the search attributes', () => temporal.hasSearchAttributes());
    },

    /** The signals that a run received, in their order; null when there is no run. */
    async signalsOf(workflowId: string): Promise<string[] | null> {
      const handle = workflow.getHandle(workflowId);
      try {
        const { events } = await handle.fetchHistory();
        return (events ?? []).flatMap(
          ({ workflowExecutionSignaledEventAttributes: signal }) => signal?.signalName ?? [],
        );
      } catch {
        return null;
      }
    },

    /** How many runs of the id there were, by the server's visibility, which is a little behind. */
    async countRuns(workflowId: string): Promise<number> {
      return (await workflow.count(`WorkflowId = '${workflowId}'`)).count;
    },

    /** Completes an open run as its worker would: no test of the bridge needs one. Its task must be the only one of the queue. */
    complete: async (workflowId: string, taskQueue: string): Promise<void> => {
      const poll = { namespace, taskQueue: { name: taskQueue }, identity: 'test' };
      const { taskToken, workflowExecution } = await temporal.call(() =>
        connection.workflowService.pollWorkflowTaskQueue(poll),
      );
      if (workflowExecution?.workflowId !== workflowId) throw new Error(`got a task of another run than ${workflowId}`);
      await connection.workflowService.respondWorkflowTaskCompleted({
        namespace,
        taskToken,
        identity: 'test',
        commands: [{ commandType: COMPLETE_WORKFLOW_EXECUTION, completeWorkflowExecutionCommandAttributes: {} }],
      });
    },

    async close(): Promise<void> {
      await temporal.close();
    },
  };
  if (withSearchAttributes) await test.addSearchAttributes();
  return test;
}

export type TestNamespace = Awaited<ReturnType<typeof createTestNamespace>>;
