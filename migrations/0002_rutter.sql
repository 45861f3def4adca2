-- The channel `rutter`: connections to Sage companies, the feeds published on them, and what was delivered where.

CREATE TABLE connections (
  connection_id        uuid PRIMARY KEY,
  customer_id          text NOT NULL REFERENCES customers,
  platform             text NOT NULL,
  rutter_connection_id text NOT NULL UNIQUE,
  access_token_sealed  text NOT NULL,
  name                 text,
  link_url             text,
  -- `status` is our fact; `provider_status` is Rutter's own status, for display.
  status               text NOT NULL DEFAULT 'ok' CHECK (status IN ('ok', 'refused', 'unavailable')),
  provider_status      text,
  status_reason        text,
  -- When Rutter last refused the connection, and how often within a day: sets the pace of retries, so that a provider
  -- that refuses writes while it answers reads is not asked in a loop.
  refused_at           timestamptz,
  refused_times        integer NOT NULL DEFAULT 0,
  -- The handoff that may ask for a one-time password now; a newer one replaces it.
  current_handoff_id   text,
  created_at           timestamptz NOT NULL DEFAULT now(),
  updated_at           timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX connections_of_customer ON connections (customer_id);

-- The idempotency key under which an account is published, stored before the first call: publishing again finds
-- Rutter's first answer instead of making a second account there. A key belongs to one request body (another body under
-- it is an error at Rutter).
CREATE TABLE publications (
  connection_id   uuid NOT NULL REFERENCES connections,
  account_id      text NOT NULL REFERENCES accounts,
  publish_key     uuid NOT NULL,
  -- The account's updated_at when the key was first used. When the account has changed since, the key is renewed, but
  -- only once the first request is certainly over, which `key_used_at` tells.
  account_seen_at timestamptz,
  key_used_at     timestamptz,
  PRIMARY KEY (connection_id, account_id)
);

-- One account published on one connection.
CREATE TABLE feeds (
  feed_id                uuid PRIMARY KEY,
  customer_id            text NOT NULL REFERENCES customers,
  account_id             text NOT NULL REFERENCES accounts,
  connection_id          uuid NOT NULL REFERENCES connections,
  rutter_account_id      text UNIQUE,
  operator               text NOT NULL DEFAULT 'running' CHECK (operator IN ('running', 'paused', 'closed')),
  account_status         text NOT NULL DEFAULT 'waiting' CHECK (account_status IN ('waiting', 'active', 'inactive')),
  -- Derived from the facts and written with them.
  state                  text NOT NULL DEFAULT 'created',
  -- When a waiting state (awaiting_activation, reauth_required, disconnected) began.
  state_since            timestamptz NOT NULL DEFAULT now(),
  -- When the feed last changed from one that may not send to one that may.
  sendable_since         timestamptz,
  reason                 text,
  reason_detail          text,
  -- When the reason last changed.
  reason_at              timestamptz,
  transaction_start_date timestamptz,
  caught_up_at           timestamptz,
  syncing                boolean NOT NULL DEFAULT false,
  last_synced_at         timestamptz,
  next_sync_at           timestamptz,
  -- The feed may send since its facts changed, and no delivery run has begun since: its workflow is to be woken (again).
  check_requested        boolean NOT NULL DEFAULT false,
  -- When the repair job last woke the feed: it repeats the wake-up, but not every minute.
  repair_signaled_at     timestamptz,
  -- Every deliverable posting up to (cursor_posted_at, cursor_sequence) in the order of delivery is in a batch, except
  -- postings of a sequence above examined_sequence, which may be late.
  cursor_posted_at       timestamptz,
  cursor_sequence        bigint,
  examined_sequence      bigint NOT NULL DEFAULT 0,
  -- The bisection plan of a refused batch of more than one posting: its postings are sent again in smaller batches, from
  -- the head, until the refused ones are alone. All null (and `bisection_accepted` false) when nothing was refused.
  -- Postings of the refused batch that are still undecided:
  bisection_left         integer,
  -- Size of the innermost block at the head that is known to hold a refused posting; 0 when none is known.
  bisection_bad          integer,
  -- A transaction id of ours that the refusal's message names.
  bisection_hint         text COLLATE "C",
  -- Another posting of the refused batch was accepted since: a posting refused alone now is itself the cause.
  bisection_accepted     boolean NOT NULL DEFAULT false,
  published_at           timestamptz,
  closed_at              timestamptz,
  created_at             timestamptz NOT NULL DEFAULT now(),
  updated_at             timestamptz NOT NULL DEFAULT now(),
  UNIQUE (connection_id, account_id),
  CONSTRAINT bisection_plan_is_complete
    CHECK ((bisection_left IS NULL) = (bisection_bad IS NULL) AND bisection_left > 0 AND bisection_bad >= 0)
);
CREATE INDEX feeds_of_customer ON feeds (customer_id, feed_id);
CREATE INDEX feeds_of_account ON feeds (account_id);
CREATE INDEX feeds_by_state ON feeds (state, feed_id);
-- One index for each query over all feeds that runs every minute; the partial ones hold the few rows that matter.
CREATE INDEX feeds_with_reason ON feeds (feed_id) WHERE reason IS NOT NULL;
CREATE INDEX feeds_check_requested ON feeds (feed_id) WHERE check_requested;
CREATE INDEX feeds_by_last_sync ON feeds (greatest(last_synced_at, sendable_since))
  WHERE state IN ('backfilling', 'syncing', 'live');

-- 1…1000 postings of one feed with fixed bytes. The database allows at most one open batch per delivery lock.
CREATE TABLE batches (
  batch_id                 uuid PRIMARY KEY,
  feed_id                  uuid NOT NULL REFERENCES feeds,
  connection_id            uuid NOT NULL REFERENCES connections,
  delivery_lock_id         text NOT NULL,
  number                   integer NOT NULL,
  size                     integer NOT NULL CHECK (size BETWEEN 1 AND 1000),
  body_hash                text NOT NULL,
  first_posted_at          timestamptz NOT NULL,
  last_posted_at           timestamptz NOT NULL,
  -- The feed's cursor before the batch was built. A batch that certainly never reached Rutter can be undone: its
  -- postings are ready again, and the next build starts from here.
  cursor_before_posted_at  timestamptz,
  cursor_before_sequence   bigint,
  examined_sequence_before bigint NOT NULL DEFAULT 0,
  state                    text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'delivered', 'refused', 'undone')),
  delivered_count          integer,
  -- How the delivery is known.
  evidence                 text CHECK (evidence IN ('answer', 'job', 'read_back')),
  job_id                   text,
  built_at                 timestamptz NOT NULL DEFAULT now(),
  completed_at             timestamptz,
  UNIQUE (feed_id, number)
);
CREATE UNIQUE INDEX batches_one_open_per_delivery_lock ON batches (delivery_lock_id) WHERE state = 'open';
-- Whether a feed has an open batch, asked for every feed that is shown.
CREATE INDEX batches_open_of_feed ON batches (feed_id) WHERE state = 'open';

-- One idempotency key of a batch. A new one is made only after the final outcome of the earlier one is stored.
CREATE TABLE attempts (
  idempotency_key uuid PRIMARY KEY,
  batch_id        uuid NOT NULL REFERENCES batches,
  number          integer NOT NULL,
  state           text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'delivered', 'nothing_synced', 'in_doubt')),
  -- A renewed attempt is not sent before this, so that every sender of the connection keeps the same pace.
  not_before      timestamptz,
  -- Number of POSTs under this key.
  posts           integer NOT NULL DEFAULT 0,
  -- A POST had an unknown outcome: from then on the refusal of a repeat proves nothing.
  outcome_unknown boolean NOT NULL DEFAULT false,
  job_id          text,
  http_status     integer,
  error_code      text,
  error_message   text,
  created_at      timestamptz NOT NULL DEFAULT now(),
  first_post_at   timestamptz,
  last_post_at    timestamptz,
  job_seen_at     timestamptz,
  final_at        timestamptz,
  UNIQUE (batch_id, number)
);
CREATE UNIQUE INDEX attempts_one_open_per_batch ON attempts (batch_id) WHERE state IN ('open', 'in_doubt');

-- The delivery ledger: a posting of a feed that is in a batch, and its position there. Delivered is a fact of the batch;
-- `exception` is set only where the outcome of a posting differs from that of its batch.
CREATE TABLE ledger (
  feed_id        uuid NOT NULL,
  transaction_id text NOT NULL COLLATE "C",
  batch_id       uuid NOT NULL,
  position       smallint NOT NULL,
  late           boolean NOT NULL DEFAULT false,
  -- `suspected`: refused alone, but no other posting of its batch was accepted yet, so the cause may be another. Its row
  -- points to the refused batch of one, and it is in no other batch until that is known.
  exception      text CHECK (exception IN ('duplicate', 'conflict', 'suspected', 'quarantined', 'discarded')),
  detail         text,
  PRIMARY KEY (feed_id, transaction_id)
);
CREATE INDEX ledger_of_batch ON ledger (batch_id, position);
CREATE INDEX ledger_exceptions ON ledger (feed_id, exception) WHERE exception IS NOT NULL;
CREATE INDEX ledger_quarantined ON ledger (feed_id) WHERE exception IN ('quarantined', 'conflict');

-- What operators decide about quarantined postings, feed by feed. A correction holds what is sent to one feed instead of
-- core banking's content when the posting is released; the posting's row is not changed, since other feeds of the
-- account send it as it is. A null keeps the posting's own value. The time of a posting cannot be corrected: it is its
-- position in the order of delivery.
CREATE TABLE posting_corrections (
  feed_id          uuid NOT NULL REFERENCES feeds,
  transaction_id   text NOT NULL COLLATE "C",
  amount           numeric,
  description      text,
  payee            text,
  transaction_type text,
  reason           text NOT NULL,
  at               timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (feed_id, transaction_id)
);

-- The open batch is what holds a delivery lock. The lease says only which sender may act on that batch.
CREATE TABLE delivery_locks (
  delivery_lock_id text PRIMARY KEY,
  holder           uuid,
  lease_until      timestamptz,
  -- The feed whose turn is next when several feeds of a connection have something to send: it found the lock taken, and
  -- the holder lets it pass after a few seconds.
  waiting_feed_id  uuid,
  waiting_since    timestamptz
);

-- Rutter rejects the bank's own credentials, for every customer: a row while it does. Whichever sender meets it writes
-- it, all senders read it before they send, and one of them at a time probes whether it is over.
CREATE TABLE rejected_credentials (
  provider       text PRIMARY KEY,
  rejected_since timestamptz NOT NULL DEFAULT now(),
  probed_at      timestamptz NOT NULL DEFAULT now()
);

-- One browser login that ties a Sage company to a connection. The id is the SHA-256 of the challenge.
CREATE TABLE handoffs (
  handoff_id      text PRIMARY KEY,
  state           text NOT NULL DEFAULT 'opened'
                  CHECK (state IN ('opened', 'logged_in', 'sharing', 'ready', 'taken', 'superseded', 'refused', 'expired')),
  first_seen_at   timestamptz NOT NULL DEFAULT now(),
  deadline_at     timestamptz NOT NULL,
  fetch_site      text,
  referer_origin  text,
  redirect_sealed text NOT NULL,
  customer_id     text REFERENCES customers,
  connection_id   uuid REFERENCES connections,
  -- What the customer chose: an existing connection, or a new one under this key; and the accounts to share.
  connection_key  uuid,
  account_ids     text[],
  otp_key         uuid,
  -- The address that the browser is redirected to, sealed, from the moment the one-time password exists until it is
  -- taken.
  answer_sealed   text,
  reason          text,
  taken_at        timestamptz,
  updated_at      timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX handoffs_by_deadline ON handoffs (deadline_at);

-- Webhooks received, by hash of their body: the same one again changes nothing.
CREATE TABLE webhooks (
  body_hash   text PRIMARY KEY,
  type        text NOT NULL,
  code        text NOT NULL,
  received_at timestamptz NOT NULL DEFAULT now(),
  times       integer NOT NULL DEFAULT 1
);
CREATE INDEX webhooks_by_age ON webhooks (received_at);

INSERT INTO repair_tasks (name) VALUES ('feeds'), ('connections'), ('wakes');
