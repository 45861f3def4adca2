import type { Client } from '@temporalio/client';
import { bankFeedWorkflowId } from '../../src/domain/ids.js';

/** What one feed's open run has written so far. */
export interface HistorySize {
  readonly events: number;
  readonly bytes: number;
  /** Scheduled delivery runs. */
  readonly deliveryRuns: number;
  /** The index, from 0, of the event that scheduled each delivery run. */
  readonly deliveryRunStarts: readonly number[];
}

/** `EVENT_TYPE_ACTIVITY_TASK_SCHEDULED`, as the server's protocol numbers it. */
const activityScheduled = 10;

export async function readHistory(client: Client, input: { feedId: string }): Promise<HistorySize> {
  const handle = client.workflow.getHandle(bankFeedWorkflowId(input.feedId));
  const description = await handle.describe();
  const { events } = await handle.fetchHistory();
  const deliveryRunStarts = (events ?? []).flatMap((event, index) =>
    Number(event.eventType) === activityScheduled ? [index] : [],
  );
  return {
    events: description.historyLength,
    bytes: description.historySize ?? 0,
    deliveryRuns: deliveryRunStarts.length,
    deliveryRunStarts,
  };
}

/** What one delivery run adds to a history, from its scheduling to that of the next one. */
export interface DeliveryRunCost {
  readonly events: number;
  readonly bytes: number;
}

/** The cost between two reads of one workflow run; all delivery runs between them must be of one kind. */
export function costOfDeliveryRun(before: HistorySize, after: HistorySize): DeliveryRunCost {
  const first = after.deliveryRunStarts[before.deliveryRuns - 1];
  const last = after.deliveryRunStarts.at(-1);
  if (first === undefined || last === undefined || last === first)
    throw new Error('no delivery run in between');
  const events = (last - first) / (after.deliveryRuns - before.deliveryRuns);
  return { events, bytes: (events * (after.bytes - before.bytes)) / (after.events - before.events) };
}
