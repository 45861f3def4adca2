/**
 * Assumption (contract, section 8.4 rule 2 leaves open per what): Rutter takes one batch in flight per connection.
 * Should it turn out to be per account, answer the feed's id; per organisation, a constant. Nothing else changes.
 */
export function deliveryLockOf(feed: { readonly connectionId: string; readonly feedId: string }): string {
  return feed.connectionId;
}
