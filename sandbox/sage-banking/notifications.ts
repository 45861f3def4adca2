import { newId } from './http.js';
import type { NotificationRecord } from './records.js';
import { iso, type Sandbox } from './sandbox.js';
import type { Change } from './state.js';

/** A notification to the provider (contract 12.3). It is stored for tests; nothing is sent. */
export function notification(
  sandbox: Sandbox,
  type: NotificationRecord['type'],
  resourceType: NotificationRecord['resource']['type'],
  resourceId: string,
  additionalData: Record<string, unknown>,
): Change {
  const at = iso(sandbox.clock.nowMs());
  const resource = { id: resourceId, type: resourceType, url: 'NA' };
  return { put: 'notification', record: { id: newId(), at, type, resource, additionalData } };
}
