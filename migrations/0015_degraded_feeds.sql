-- A feed that is retried by itself is degraded: since when, why, and when its next attempt begins. They count while
-- `reason` is one that needs no person; the version before clears that column alone.

ALTER TABLE feeds
  ADD COLUMN degraded_since  timestamptz,
  ADD COLUMN degraded_cause  text,
  ADD COLUMN next_attempt_at timestamptz;
ALTER TABLE sage_accounts
  ADD COLUMN degraded_since  timestamptz,
  ADD COLUMN degraded_cause  text,
  ADD COLUMN next_attempt_at timestamptz;

-- For the filters of the list of feeds, which is in the order of ids.
CREATE INDEX feeds_by_reason ON feeds (reason, feed_id) WHERE reason IS NOT NULL;
CREATE INDEX sage_accounts_by_reason ON sage_accounts (reason, sage_account_id) WHERE reason IS NOT NULL;
CREATE INDEX sage_accounts_by_status ON sage_accounts (status, sage_account_id);
