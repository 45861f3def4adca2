/** Postings of a feed that are in no batch and get into none: held until a person decides, or discarded by one. */

/** Whether feed `f` keeps any posting back: hardly one does, and then its builds do not ask for each posting. */
export const keepsBackColumn = `EXISTS (
  SELECT 1 FROM posting_holds h WHERE h.feed_id = f.feed_id AND h.state <> 'released') AS keeps_back`;

/** A condition, with its AND, on posting `p`: this feed does not keep it back. Empty for a feed that keeps back none. */
export function notKeptBack(feedId: string, keepsBack: boolean): string {
  if (!keepsBack) return '';
  return `AND NOT EXISTS (SELECT 1 FROM posting_holds h
              WHERE h.feed_id = ${feedId} AND h.transaction_id = p.transaction_id AND h.state <> 'released')`;
}
