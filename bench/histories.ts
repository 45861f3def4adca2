import type { Client } from '@temporalio/client';
import { bankFeedWorkflowId } from '../src/domain/ids.js';

/** What one feed's open run has written so far. */
export interface HistorySize {
  readonly events: number;
  readonly bytes: number;
  /** Slices of delivery that were scheduled. */
  readonly slices: number;
  /** How often each kind of event stands in it. */
  readonly kinds: Readonly<Record<string, number>>;
}

/** `EVENT_TYPE_ACTIVITY_TASK_SCHEDULED`, as the server's protocol numbers it. */
const activityScheduled = 10;

export async function readHistory(client: Client, input: { feedId: string }): Promise<HistorySize> {
  const handle = client.workflow.getHandle(bankFeedWorkflowId(input.feedId));
  const description = await handle.describe();
  const { events } = await handle.fetchHistory();
  const kinds: Record<string, number> = {};
  for (const event of events ?? []) {
    const kind = String(event.eventType ?? 'unknown');
    kinds[kind] = (kinds[kind] ?? 0) + 1;
  }
  return {
    events: description.historyLength,
    bytes: description.historySize ?? 0,
    slices: kinds[String(activityScheduled)] ?? 0,
    kinds,
  };
}
