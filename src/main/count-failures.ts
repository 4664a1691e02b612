import { CancelledFailure } from '@temporalio/activity';
import type { ActivityInterceptorsFactory } from '@temporalio/worker';
import { isDatabaseUnavailable } from '../db/client.ts';
import type { Logger } from '../logger.ts';
import type { Metrics } from '../metrics.ts';
import { ORDER_WORKFLOW, ORPHANS_WORKFLOW } from '../workflows/messages.ts';

const WATCHED: readonly string[] = [ORDER_WORKFLOW, ORPHANS_WORKFLOW];

/**
 * Counts the activities of orders, and of what they left at Conduit, that fail though PostgreSQL can be asked. What Conduit
 * does is a result and no failure, so that one here is a bug, or a row that no code expects; and Temporal's retries alone would
 * hide that its order stands still.
 */
export function countFailures({ metrics, log }: { metrics: Metrics; log: Logger }): ActivityInterceptorsFactory {
  return ({ info: { workflowType, workflowExecution, activityType: activity, attempt } }) => ({
    inbound: {
      async execute(input, next) {
        try {
          return await next(input);
        } catch (err) {
          if (
            WATCHED.includes(workflowType ?? '') &&
            !isDatabaseUnavailable(err) &&
            !(err instanceof CancelledFailure)
          ) {
            metrics.orderActivityFailures.inc({ activity });
            log.error(
              { event: 'activity_failed', err, activity, attempt, workflow_id: workflowExecution?.workflowId },
              `an activity of an order failed: ${activity}`,
            );
          }
          throw err;
        }
      },
    },
  });
}
