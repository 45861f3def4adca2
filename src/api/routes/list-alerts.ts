import { z } from 'zod';
import { listAlerts as readAlerts, type AlertView } from '../../db/alert-views.js';
import {
  alertCodes,
  alertSeverities,
  countOfAlert,
  runbookOfAlert,
  severityOfAlert,
  sinceOfAlert,
  type AlertCode,
  type AlertSeverity,
} from '../../domain/alerts.js';
import { defineRoute } from '../define-route.js';
import { numberedPage } from '../feed-params.js';
import { instant, nextCursor, nothing, page, pageFields, uuid } from '../fields.js';

/** An alert as JSON. */
export const alertSchema = z
  .object({
    alert_id: z.string(),
    code: z.enum(alertCodes).meta({ description: 'The runbook explains each code.' }),
    severity: z.enum(alertSeverities).meta({
      description:
        'Fixed for each code. `critical`: concerns many customers or breaks a promise, act now. `warning`: needs a person today. `info`: the customer concerned has to act.',
    }),
    since: instant.meta({
      description: 'When what it reports began; `raised_at` where that is not known.',
    }),
    count: z.int().min(1).meta({
      description: 'How many things it reports (postings, feeds, logins), or how often it was found.',
    }),
    runbook: z.string().meta({
      description: "The alert's section in the runbook: a file of this repository with its anchor.",
      example: 'docs/operations/runbook.md#alert-feed_blocked',
    }),
    subject: z.string().meta({ description: 'The id of what the alert is about, or `service`.' }),
    feed_id: z.string().nullable().meta({ format: 'uuid' }),
    connection_id: z.string().nullable().meta({ format: 'uuid' }),
    customer_id: z.string().nullable(),
    detail: z.record(z.string(), z.unknown()),
    raised_at: instant,
    last_at: instant.meta({ description: 'When its condition was last seen to be true.' }),
    ended_at: instant.nullable(),
    acknowledged_at: instant
      .nullable()
      .meta({ description: 'Null while it is open, or when it ended by itself.' }),
    acknowledged_reason: z.string().nullable(),
  })
  .meta({ id: 'Alert' });

const alertsSchema = z
  .object({ alerts: z.array(alertSchema), next_cursor: nextCursor })
  .meta({ id: 'AlertPage' });

/** Open alerts for operators, newest first. */
export const listAlerts = defineRoute({
  method: 'get',
  path: '/v1/alerts',
  roles: ['ops'],
  resource: 'alert',
  summary: 'Open alerts, newest first',
  description:
    'An alert is open as long as its condition is true. `postings_rejected`, `postings_conflicting` and `postings_altered` last until they are acknowledged; all others end by themselves. `all=true` lists ended ones too.',
  params: nothing,
  query: z.strictObject({
    all: z.enum(['true', 'false']).optional().meta({ default: 'false' }),
    code: z.enum(alertCodes).optional(),
    severity: z.enum(alertSeverities).optional(),
    feed_id: uuid.optional(),
    ...pageFields,
  }),
  answers: { 200: { description: 'A page of alerts', schema: alertsSchema } },
  handle: async ({ deps, query }) => {
    const { before, limit } = numberedPage(query);
    const rows = await readAlerts(deps.pool, {
      ended: query.all === 'true',
      codes: codesOf(query),
      feedId: query.feed_id,
      beforeAlertId: before,
      limit: limit + 1,
    });
    const { shown, next } = page(rows, limit, (alert) => alert.alertId);
    return { status: 200, body: { alerts: shown.map(alertJson), next_cursor: next } };
  },
});

/** The codes to list; undefined: all. */
function codesOf(query: { code?: AlertCode | undefined; severity?: AlertSeverity | undefined }) {
  const { code, severity } = query;
  if (code === undefined && severity === undefined) return undefined;
  return alertCodes.filter(
    (each) =>
      (code === undefined || each === code) && (severity === undefined || severityOfAlert[each] === severity),
  );
}

export function alertJson(alert: AlertView) {
  return {
    alert_id: alert.alertId,
    code: alert.code,
    severity: severityOfAlert[alert.code],
    since: sinceOfAlert(alert),
    count: countOfAlert(alert),
    runbook: runbookOfAlert(alert.code),
    subject: alert.subject,
    feed_id: alert.feedId,
    connection_id: alert.connectionId,
    customer_id: alert.customerId,
    detail: alert.detail,
    raised_at: alert.raisedAt,
    last_at: alert.lastAt,
    ended_at: alert.endedAt,
    acknowledged_at: alert.acknowledgedAt,
    acknowledged_reason: alert.acknowledgedReason,
  };
}
