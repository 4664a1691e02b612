import { markRung, unrungAlarms } from '../db/alarms.ts';
import type { Database } from '../db/client.ts';
import { isTerminalOrder, type OrderStatus } from '../domain/order.ts';
import type { Logger } from '../logger.ts';
import type { Alert, Metrics, Page } from '../metrics.ts';

type Fields = Record<string, string | number | null | undefined>;

/** Where the worker says what happened: the log with every detail, the metrics with closed labels. */
export interface Bell {
  readonly log: Logger;
  recorded(kind: string, to: OrderStatus, from: OrderStatus, fields: Fields): void;
  looked(verdict: string, fields: Fields): void;
  /** A person is called. */
  page(page: Page, fields: Fields): void;
  alert(alert: Alert, fields: Fields): void;
}

export function createBell(log: Logger, metrics: Metrics): Bell {
  return {
    log,
    recorded(kind, to, from, fields) {
      log.info({ event: 'order_recorded', record: kind, ...fields }, `${from} → ${to}`);
      if (to !== from && isTerminalOrder(to)) metrics.orders.inc({ outcome: to });
    },
    looked(verdict, fields) {
      log.info({ event: 'order_looked', verdict, ...fields }, `firm look: ${verdict}`);
      metrics.looks.inc({ verdict });
    },
    page(page, fields) {
      log.error({ event: 'page', page, ...fields }, `a person is needed: ${page}`);
      metrics.pages.inc({ page });
    },
    alert(alert, fields) {
      log.warn({ event: 'alert', alert, ...fields }, `to look at: ${alert}`);
      metrics.alerts.inc({ alert });
    },
  };
}

/**
 * Calls people for the alarms that stand with an order's events. The hand that wrote them does so at once; the reconciler does
 * so for one that died before it could.
 */
export async function ringAlarms(db: Database, bell: Bell, of: Parameters<typeof unrungAlarms>[1]): Promise<number> {
  const alarms = await unrungAlarms(db, of);
  for (const alarm of alarms) {
    const { orderId, number, status, attempt, code } = alarm;
    for (const page of alarm.pages) bell.page(page, { order_id: orderId, version: number, status, attempt, code });
    await markRung(db, alarm);
  }
  return alarms.length;
}
