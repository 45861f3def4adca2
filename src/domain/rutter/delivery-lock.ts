/**
 * Assumption (contract, section 8.4 rule 2 does not define the scope): Rutter takes one batch in flight per connection.
 * If it is per account, return the feed's id; if per organisation, a constant. Nothing else changes.
 */
export function deliveryLockOf(feed: { readonly connectionId: string; readonly feedId: string }): string {
  return feed.connectionId;
}
