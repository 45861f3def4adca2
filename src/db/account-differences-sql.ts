/** One field of an account as its provider shows it, where that is not what our row says. */
export interface AccountDifference {
  readonly feedId: string;
  readonly field: 'name' | 'number' | 'currency';
  /** Of a number only the last four characters. */
  readonly shown: string;
}

/**
 * The differences of one feed as a JSON list of {@link AccountDifference}: an SQL expression. `feed`: the alias of its
 * row in `feeds`.
 */
export function accountDifferencesSql(feed: string): string {
  return `(SELECT coalesce(jsonb_agg(jsonb_build_object('feedId', ${feed}.feed_id, 'field', d.field, 'shown',
      CASE d.field WHEN 'name' THEN ${feed}.rutter_name WHEN 'currency' THEN ${feed}.rutter_currency
                   ELSE ${feed}.rutter_number_last4 END) ORDER BY d.position), '[]')
     FROM unnest(${feed}.account_differences) WITH ORDINALITY AS d (field, position))`;
}
