-- Handoffs: what a page says while Sage does not answer, and how they end, for lists, counts and alerts. All columns have
-- defaults, so the version before goes on writing rows.
ALTER TABLE handoffs
  -- When the customer's choice was stored, and when a step after it succeeded last.
  ADD COLUMN shared_at        timestamptz,
  ADD COLUMN progress_at      timestamptz,
  -- When a worker was at it last, accurate to some seconds: without one our own service is what is missing.
  ADD COLUMN worked_at        timestamptz,
  -- Why the last attempt failed, as long as none has succeeded since.
  ADD COLUMN failure_cause    text CHECK (failure_cause IN ('provider_unavailable', 'rate_limited', 'service_unavailable')),
  ADD COLUMN sign_in_failures integer NOT NULL DEFAULT 0,
  -- The provider's code, or what is wrong with a refused link.
  ADD COLUMN error_code       text,
  ADD COLUMN ended_at         timestamptz;
CREATE INDEX handoffs_by_arrival ON handoffs (first_seen_at DESC, handoff_id DESC);
CREATE INDEX handoffs_ended ON handoffs (ended_at) WHERE ended_at IS NOT NULL;

-- How many handoffs have ended how, since the beginning; the rows themselves are deleted after their time.
CREATE TABLE handoff_counts (
  outcome text NOT NULL,
  reason  text NOT NULL DEFAULT '',
  count   bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (outcome, reason)
);
