-- Items of core banking that were not taken as they were sent, visible to operators until somebody acknowledges them.

-- Hashes of the versions that a posting had while it was pending (SHA-256 each, 32 bytes, oldest first): each of them
-- sent again is a repeat. Bounded; null when there was none.
ALTER TABLE postings ADD COLUMN earlier_hashes bytea;

-- How many items of an account were rejected, conflicted with a stored posting, or were accepted although their sign
-- contradicts their type. One row an account and kind.
CREATE TABLE ingestion_problems (
  account_id         text NOT NULL,
  kind               text NOT NULL CHECK (kind IN ('rejected', 'conflicting', 'contradicting')),
  count              bigint NOT NULL,
  first_at           timestamptz NOT NULL DEFAULT now(),
  last_at            timestamptz NOT NULL DEFAULT now(),
  -- Of `count`, those that an operator has acknowledged: an alert is open while there are more.
  acknowledged_count bigint NOT NULL DEFAULT 0,
  acknowledged_at    timestamptz,
  -- The clock hour of the newest timeline entries, the number of items in it, and the entries: one a feed of the
  -- account, or one of the customer when the account has no feed.
  hour_began_at      timestamptz NOT NULL DEFAULT date_trunc('hour', now()),
  hour_count         bigint NOT NULL,
  entry_ids          bigint[] NOT NULL DEFAULT '{}',
  PRIMARY KEY (account_id, kind)
);
CREATE INDEX ingestion_problems_to_acknowledge ON ingestion_problems (kind, account_id)
  WHERE count > acknowledged_count;

-- A sample of rejected items, so that operators see what was wrong. The item is sealed with its errors; rows are few an
-- account and deleted after their retention.
CREATE TABLE rejected_items (
  item_id        uuid PRIMARY KEY,
  account_id     text NOT NULL,
  -- Newest last.
  position       bigint GENERATED ALWAYS AS IDENTITY,
  received_at    timestamptz NOT NULL DEFAULT now(),
  content_sealed text NOT NULL
);
CREATE INDEX rejected_items_of_account ON rejected_items (account_id, position DESC);
CREATE INDEX rejected_items_by_age ON rejected_items (received_at);

-- An operator has seen the alert and says why it may end. Null for one that ended by itself.
ALTER TABLE alerts ADD COLUMN acknowledged_at timestamptz, ADD COLUMN acknowledged_reason text;

-- Since when the account is ready at Rutter without a start date, so that nothing can be sent; null when it is not so.
ALTER TABLE feeds ADD COLUMN start_date_awaited_since timestamptz;
