import { canonicalContent, type ReceivedPosting } from './posting-input.js';

/** The stored version of an id, as far as it decides whether another version is the same. */
export interface StoredVersion {
  /** Hash of its `canonicalContent`. */
  readonly hash: string;
  /** UTC with milliseconds, as of a posting. */
  readonly postedAt: string;
  readonly bookingDay: string;
}

/**
 * Whether a received posting is the stored one again. All content must be equal but the time, of which the booking day
 * counts: another instant of the same day is a repeat. A posting that names no booking day says nothing new with the
 * stored instant, whichever day its offset or the account's present time zone would make of it: a zone that changed
 * later turns no repeat into a conflict. `hash` is that of the received posting, `hashOf` computes one.
 */
export function isSameContent(
  stored: StoredVersion,
  received: { readonly posting: ReceivedPosting; readonly hash: string },
  hashOf: (content: string) => string,
): boolean {
  if (received.hash === stored.hash) return true;
  const { posting } = received;
  const sameInstant = !posting.bookingDayGiven && posting.postedAt === stored.postedAt;
  if (!sameInstant && posting.bookingDay !== stored.bookingDay) return false;
  // The stored one may have named its day, or not.
  return [true, false].some((bookingDayGiven) => {
    const { postedAt, bookingDay } = stored;
    return hashOf(canonicalContent({ ...posting, postedAt, bookingDay, bookingDayGiven })) === stored.hash;
  });
}
