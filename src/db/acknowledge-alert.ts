import { readAlert, type AlertView } from './alert-views.js';
import type { DbChannels } from './channel.js';
import { transaction, type Pool } from './pool.js';
import { restoreAlertConditions } from './restore-findings.js';
import { writeTimeline } from './timeline.js';

export type AcknowledgeResult =
  | { readonly kind: 'acknowledged'; readonly alert: AlertView }
  | { readonly kind: 'unknown' }
  /** It ended before, by itself. */
  | { readonly kind: 'ended'; readonly alert: AlertView }
  /** Nobody can end it: its condition must end. */
  | { readonly kind: 'ends_by_itself'; readonly alert: AlertView };

/**
 * Ends an alert that lasts until somebody has seen it, with its timeline entry. It covers what the alert reported at its
 * last review; what arrived since, or arrives later, raises a new one. Repeating it changes nothing.
 */
export async function acknowledgeAlert(
  pool: Pool,
  channels: DbChannels,
  input: { alertId: string; reason: string },
): Promise<AcknowledgeResult> {
  return await transaction(pool, async (db): Promise<AcknowledgeResult> => {
    await db.query(`SELECT 1 FROM alerts WHERE alert_id = $1 FOR UPDATE`, [input.alertId]);
    const alert = await readAlert(db, input);
    if (alert === null) return { kind: 'unknown' };
    if (alert.acknowledgedAt !== null) return { kind: 'acknowledged', alert };
    const ofChannels = Object.values(channels).flatMap(({ alertConditions }) => alertConditions);
    const condition = [...restoreAlertConditions, ...ofChannels].find(({ code }) => code === alert.code);
    if (condition?.acknowledge === undefined) return { kind: 'ends_by_itself', alert };
    if (alert.endedAt !== null) return { kind: 'ended', alert };
    await condition.acknowledge(db, alert);
    await db.query(
      `UPDATE alerts SET ended_at = now(), acknowledged_at = now(), acknowledged_reason = $2 WHERE alert_id = $1`,
      [input.alertId, input.reason],
    );
    await writeTimeline(db, {
      kind: 'alert_acknowledged',
      customerId: alert.customerId,
      connectionId: alert.connectionId,
      feedId: alert.feedId,
      detail: { alert_id: alert.alertId, code: alert.code, reason: input.reason },
    });
    return { kind: 'acknowledged', alert: (await readAlert(db, input)) ?? alert };
  });
}
