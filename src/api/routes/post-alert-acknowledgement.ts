import { z } from 'zod';
import { acknowledgeAlert as acknowledge } from '../../db/acknowledge-alert.js';
import { dbChannels } from '../../db/channels.js';
import type { AlertView } from '../../db/alert-views.js';
import { limits } from '../../domain/limits.js';
import { defineRoute } from '../define-route.js';
import { nothing, textField } from '../fields.js';
import { Problem, notFound } from '../problem.js';
import { alertJson, alertSchema } from './list-alerts.js';

const bodyBytesMax = 16 * 1024;

/** Ends an alert that lasts until an operator has seen it. */
export const acknowledgeAlert = defineRoute({
  method: 'post',
  path: '/v1/alerts/{alert_id}/acknowledge',
  roles: ['ops'],
  resource: 'alert',
  summary: 'Acknowledge an alert',
  description:
    'For `postings_rejected`, `postings_conflicting` and `postings_altered`. It covers what the alert reported at `last_at`; items that arrive later, or postings that are altered later, raise a new alert. The counts of the account or feed stay. All other alerts end by themselves: 409 `alert_ends_by_itself`. Repeating the request changes nothing.',
  params: z.strictObject({ alert_id: z.string().regex(/^[1-9]\d{0,17}$/) }),
  query: nothing,
  body: {
    schema: z
      .strictObject({
        reason: textField(limits.textLengthMax).meta({
          description: 'What was done about it, for the timeline. No personal data.',
        }),
      })
      .meta({ id: 'AcknowledgeInput' }),
    bytesMax: bodyBytesMax,
  },
  answers: { 200: { description: 'The alert, ended', schema: alertSchema } },
  handle: async ({ deps, params, body }) => {
    const input = { alertId: params.alert_id, reason: body.reason };
    const result = await acknowledge(deps.pool, dbChannels, input);
    switch (result.kind) {
      case 'acknowledged':
        return { status: 200, body: alertJson(result.alert) };
      case 'unknown':
        throw notFound('alert');
      case 'ended':
        throw refused(
          result.alert,
          'alert_ended',
          'this alert has ended; open ones are listed by GET /v1/alerts',
        );
      case 'ends_by_itself':
        throw refused(
          result.alert,
          'alert_ends_by_itself',
          `an alert ${result.alert.code} ends by itself when its cause does; the runbook says what to do`,
        );
    }
  },
});

function refused(alert: AlertView, code: string, detail: string): Problem {
  return new Problem({ status: 409, code, detail, extra: { alert: alertJson(alert) } });
}
