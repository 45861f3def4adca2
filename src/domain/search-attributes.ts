/** Search attributes for operators' filters in the Temporal UI. Always plain text there: states and ids only. */
export const searchAttributeNames = {
  feedState: 'FeedState',
  feedChannel: 'FeedChannel',
  customerId: 'CustomerId',
  feedReason: 'FeedReason',
  lastSyncedAt: 'LastSyncedAt',
} as const;
