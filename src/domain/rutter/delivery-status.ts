/** The delivery status of a posting in one feed. Every posting has exactly one. */
export const deliveryStatuses = [
  'held',
  'ready',
  'batched',
  'delivered',
  'quarantined',
  'discarded',
  'before_start',
  'withdrawn',
] as const;
export type DeliveryStatus = (typeof deliveryStatuses)[number];

/**
 * Why a posting is held: it is pending at core banking, an operator decided, it equals a posting of a replaced account, its
 * booking day is after the last one of its closed account, which was closed when it was stored already, or its feed sends
 * nothing any more, since it is closed or its connection ends.
 */
export const holdReasons = [
  'pending',
  'operator',
  'possible_duplicate',
  'account_closed',
  'feed_closed',
] as const;
export type HoldReason = (typeof holdReasons)[number];
