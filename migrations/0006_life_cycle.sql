-- The life of accounts, connections and postings: closed accounts, accounts that replace others, unlinked connections,
-- and postings that wait for an operator.

ALTER TABLE accounts
  -- The last booking day that is sent. Null: the account is open.
  ADD COLUMN closed_on date,
  -- The account that this one continues, of the same customer.
  ADD COLUMN replaces text REFERENCES accounts;
CREATE INDEX accounts_that_replace ON accounts (replaces) WHERE replaces IS NOT NULL;

-- Who closed the feed: a request of an operator or the customer, the closing of its account, or that of its connection.
-- Null for feeds that are open, and for those that the version before closed.
ALTER TABLE feeds ADD COLUMN closed_by text CHECK (closed_by IN ('request', 'account', 'connection'));
-- For the repair job: feeds that open again when a late posting of their closed account arrives.
CREATE INDEX feeds_closed_by_account ON feeds (feed_id) WHERE closed_by = 'account';

-- Requested: no batch is built any more, and the connection is deleted at Rutter when the open batch has its outcome.
ALTER TABLE connections
  ADD COLUMN unlink_requested_at timestamptz,
  ADD COLUMN unlinked_at timestamptz;
CREATE INDEX connections_to_unlink ON connections (connection_id)
  WHERE unlink_requested_at IS NOT NULL AND unlinked_at IS NULL;

-- Postings of a feed that are kept back although they are in no batch, and what became of them. `held` and `discarded`
-- are in no batch; a released one is sent like any other, and its row says that a person has decided.
CREATE TABLE posting_holds (
  feed_id          uuid NOT NULL REFERENCES feeds,
  transaction_id   text NOT NULL COLLATE "C",
  state            text NOT NULL CHECK (state IN ('held', 'released', 'discarded')),
  hold_reason      text NOT NULL CHECK (hold_reason IN ('operator', 'possible_duplicate')),
  -- The delivered posting of a replaced account that it equals: each of those is matched once in a feed.
  duplicate_of_account_id     text,
  duplicate_of_transaction_id text COLLATE "C",
  -- As the operator wrote it; null where the service decided.
  reason           text,
  at               timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (feed_id, transaction_id),
  CHECK ((duplicate_of_account_id IS NULL) = (duplicate_of_transaction_id IS NULL))
);
CREATE INDEX posting_holds_kept_back ON posting_holds (feed_id) WHERE state <> 'released';
CREATE UNIQUE INDEX posting_holds_match_once
  ON posting_holds (feed_id, duplicate_of_account_id, duplicate_of_transaction_id)
  WHERE duplicate_of_transaction_id IS NOT NULL;
