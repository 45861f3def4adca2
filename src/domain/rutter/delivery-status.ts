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
