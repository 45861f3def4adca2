-- Whether Sage has taken what was delivered to Rutter: Sage pulls from there, so a delivered batch need not be in Sage yet.
ALTER TABLE batches
  -- When a check first saw that Sage has taken the batch; null while it has not, or the provider does not tell.
  ADD COLUMN taken_at timestamptz;
CREATE INDEX batches_not_taken ON batches (feed_id, number) WHERE state = 'delivered' AND taken_at IS NULL;
-- The latest day that was delivered, asked for every feed that is shown.
CREATE INDEX batches_delivered_by_time ON batches (feed_id, last_posted_at) WHERE state = 'delivered';

ALTER TABLE feeds
  -- The booking day up to which Sage has taken postings.
  ADD COLUMN taken_through    date,
  -- The provider has said of a posting of this feed whether Sage has taken it. False: nothing is known.
  ADD COLUMN taken_is_known    boolean NOT NULL DEFAULT false,
  ADD COLUMN taken_checked_at timestamptz;
