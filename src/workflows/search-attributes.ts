import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';
import { searchAttributeNames } from '../domain/search-attributes.js';

/** Typed keys of the search attributes. Registered by `src/temporal/search-attributes.ts` at every start. */
export const searchAttributes = {
  feedState: defineSearchAttributeKey(searchAttributeNames.feedState, SearchAttributeType.KEYWORD),
  feedChannel: defineSearchAttributeKey(searchAttributeNames.feedChannel, SearchAttributeType.KEYWORD),
  customerId: defineSearchAttributeKey(searchAttributeNames.customerId, SearchAttributeType.KEYWORD),
  feedReason: defineSearchAttributeKey(searchAttributeNames.feedReason, SearchAttributeType.KEYWORD),
  lastSyncedAt: defineSearchAttributeKey(searchAttributeNames.lastSyncedAt, SearchAttributeType.DATETIME),
};
