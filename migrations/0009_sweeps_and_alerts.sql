-- Since when the reason stands (its latest change), when the feed turned from one that may not send into one that may,
-- and since when a waiting state (awaiting_activation, reauth_required, disconnected) stands. Written with the facts.
ALTER TABLE feeds
  ADD COLUMN reason_at      timestamptz,
  ADD COLUMN sendable_since timestamptz,
  ADD COLUMN state_since    timestamptz NOT NULL DEFAULT now(),
  -- The repair job woke it last: it repeats itself, but not every minute.
  ADD COLUMN repair_signaled_at       timestamptz;
UPDATE feeds SET
  reason_at = CASE WHEN reason IS NOT NULL THEN updated_at END,
  sendable_since = CASE WHEN state IN ('backfilling', 'syncing', 'live') THEN updated_at END,
  state_since = updated_at;

-- One index for each question that is asked of all feeds every minute; the partial ones hold the few that matter.
CREATE INDEX feeds_with_reason ON feeds (feed_id) WHERE reason IS NOT NULL;
CREATE INDEX feeds_check_requested ON feeds (feed_id) WHERE check_requested;
CREATE INDEX feeds_by_last_sync ON feeds (greatest(last_synced_at, sendable_since))
  WHERE state IN ('backfilling', 'syncing', 'live');
CREATE INDEX ledger_for_people ON ledger (feed_id) WHERE exception IN ('quarantined', 'conflict');

-- What a person should know of. Raised and ended by the repair job alone, so one condition is one row while it lasts.
CREATE TABLE alerts (
  alert_id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  code             text NOT NULL,
  -- What the condition is of: the feed's id, or `service`.
  subject          text NOT NULL,
  feed_id          uuid,
  connection_id    uuid,
  customer_id      text,
  detail           jsonb NOT NULL DEFAULT '{}',
  raised_at        timestamptz NOT NULL DEFAULT now(),
  -- The repair job found the condition last, to within ten minutes.
  last_at          timestamptz NOT NULL DEFAULT now(),
  ended_at         timestamptz,
  -- The log line of each is written before its column, so that a process that dies in between tells it again.
  announced_at     timestamptz,
  end_announced_at timestamptz
);
CREATE UNIQUE INDEX alerts_one_while_it_lasts ON alerts (code, subject) WHERE ended_at IS NULL;
CREATE INDEX alerts_of_feed ON alerts (feed_id, alert_id DESC) WHERE feed_id IS NOT NULL;
CREATE INDEX alerts_to_announce ON alerts (alert_id)
  WHERE announced_at IS NULL OR (ended_at IS NOT NULL AND end_announced_at IS NULL);

-- How far each repair job has come: it goes on where the last run ended, round after round. Their rows are there from the
-- first day, so that a repair job run that never ran shows its age.
CREATE TABLE repair_tasks (
  name                 text PRIMARY KEY,
  -- The last one that was checked; null at the start of a round.
  cursor_id            uuid,
  round_began_at       timestamptz,
  -- When the last round that came to its end had begun: whatever it did not find is over.
  whole_round_began_at timestamptz,
  ran_at               timestamptz NOT NULL DEFAULT now()
);
INSERT INTO repair_tasks (name) VALUES ('feeds'), ('connections'), ('wakes'), ('alerts');
