-- Customers, their accounts and postings, the feeds published from them, and what was delivered where.
-- Postgres is the truth for data; Temporal holds ids, counters and timers. Secrets stand sealed (AES-256-GCM,
-- key id inside, table and row id as associated data) in columns named *_sealed.

CREATE TABLE customers (
  customer_id   text PRIMARY KEY,
  name          text NOT NULL,
  email         text,
  username      text UNIQUE,
  password_hash text,
  locale        text NOT NULL DEFAULT 'en-GB',
  created_at    timestamptz NOT NULL DEFAULT now(),
  updated_at    timestamptz NOT NULL DEFAULT now(),
  CHECK ((username IS NULL) = (password_hash IS NULL))
);

CREATE TABLE accounts (
  account_id    text PRIMARY KEY,
  customer_id   text NOT NULL REFERENCES customers,
  name          text NOT NULL,
  type          text NOT NULL CHECK (type IN ('bank', 'credit_card')),
  currency      char(3) NOT NULL,
  number_sealed text,
  number_last4  text,
  opened_on     date,
  -- Grows by one with every change of a posting, under the row's lock: sequences are gapless and become
  -- visible in order, so "everything up to here was checked" is a statement that stays true.
  last_sequence bigint NOT NULL DEFAULT 0,
  created_at    timestamptz NOT NULL DEFAULT now(),
  updated_at    timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX accounts_of_customer ON accounts (customer_id);

-- One transaction as core banking gave it. `posted` is final; `pending` may be replaced or become `void`.
-- No foreign key here and in the ledger: both are written a thousand rows at a time under the lock of the row they
-- belong to, and a check per row would cost more than the insert.
CREATE TABLE postings (
  account_id       text NOT NULL,
  transaction_id   text NOT NULL COLLATE "C",
  sequence         bigint NOT NULL,
  posted_at        timestamptz NOT NULL,
  amount           numeric NOT NULL,
  description      text NOT NULL,
  payee            text,
  transaction_type text NOT NULL,
  status           text NOT NULL CHECK (status IN ('posted', 'pending', 'void')),
  corrects         text COLLATE "C",
  content_hash     bytea NOT NULL,
  received_at      timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (transaction_id, account_id)
);
-- Each kind of question has exactly one index that can answer it. The planner knows nothing of a young account, takes
-- it for one row, and would otherwise read the whole account by whichever index begins with its id: for a thousand
-- ids the key above, for the order of delivery this one, and for the order of arrival or everything of an account the
-- next, which is asked for by `(account_id || '')`.
CREATE INDEX postings_in_order ON postings (account_id, posted_at, sequence) WHERE status = 'posted';
CREATE UNIQUE INDEX postings_by_sequence ON postings ((account_id || ''), sequence);

-- The same id came again with other content: both versions stay, nothing is overwritten.
CREATE TABLE posting_conflicts (
  conflict_id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  account_id     text NOT NULL,
  transaction_id text NOT NULL COLLATE "C",
  content_hash   bytea NOT NULL,
  received       jsonb NOT NULL,
  reason         text NOT NULL,
  times          integer NOT NULL DEFAULT 1,
  first_at       timestamptz NOT NULL DEFAULT now(),
  last_at        timestamptz NOT NULL DEFAULT now(),
  UNIQUE (account_id, transaction_id, content_hash)
);

CREATE TABLE connections (
  connection_id        uuid PRIMARY KEY,
  customer_id          text NOT NULL REFERENCES customers,
  channel              text NOT NULL DEFAULT 'rutter' CHECK (channel IN ('rutter', 'sage-banking')),
  platform             text NOT NULL,
  rutter_connection_id text NOT NULL UNIQUE,
  access_token_sealed  text NOT NULL,
  name                 text,
  link_url             text,
  -- `status` is our fact (ok, refused, unavailable); `provider_status` the provider's own word, for people.
  status               text NOT NULL DEFAULT 'ok' CHECK (status IN ('ok', 'refused', 'unavailable')),
  provider_status      text,
  status_reason        text,
  -- The handoff that may ask for a one-time password now; a newer one takes the place.
  current_handoff_id   text,
  created_at           timestamptz NOT NULL DEFAULT now(),
  updated_at           timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX connections_of_customer ON connections (customer_id);

-- The idempotency key under which an account is published, stored before the first call: publishing again finds
-- Rutter's first answer instead of making a second account there.
CREATE TABLE publications (
  connection_id uuid NOT NULL REFERENCES connections,
  account_id    text NOT NULL REFERENCES accounts,
  publish_key   uuid NOT NULL,
  PRIMARY KEY (connection_id, account_id)
);

CREATE TABLE feeds (
  feed_id                uuid PRIMARY KEY,
  customer_id            text NOT NULL REFERENCES customers,
  account_id             text NOT NULL REFERENCES accounts,
  connection_id          uuid NOT NULL REFERENCES connections,
  channel                text NOT NULL DEFAULT 'rutter' CHECK (channel IN ('rutter', 'sage-banking')),
  rutter_account_id      text UNIQUE,
  operator               text NOT NULL DEFAULT 'running' CHECK (operator IN ('running', 'paused', 'closed')),
  account_status         text NOT NULL DEFAULT 'waiting' CHECK (account_status IN ('waiting', 'active', 'inactive')),
  state                  text NOT NULL DEFAULT 'created',
  reason                 text,
  reason_detail          text,
  transaction_start_date timestamptz,
  caught_up_at           timestamptz,
  syncing                boolean NOT NULL DEFAULT false,
  last_synced_at         timestamptz,
  next_sync_at           timestamptz,
  -- Everything deliverable up to (cursor_posted_at, cursor_sequence) in the order of delivery was cut into a
  -- batch, but for postings of a sequence above examined_sequence, which may be late.
  cursor_posted_at       timestamptz,
  cursor_sequence        bigint,
  examined_sequence      bigint NOT NULL DEFAULT 0,
  published_at           timestamptz,
  closed_at              timestamptz,
  created_at             timestamptz NOT NULL DEFAULT now(),
  updated_at             timestamptz NOT NULL DEFAULT now(),
  UNIQUE (connection_id, account_id)
);
CREATE INDEX feeds_of_customer ON feeds (customer_id, feed_id);
CREATE INDEX feeds_of_account ON feeds (account_id);
CREATE INDEX feeds_by_state ON feeds (state, feed_id);

-- 1…1000 postings of one feed with fixed bytes. At most one is open per delivery lock, whoever asks.
CREATE TABLE batches (
  batch_id         uuid PRIMARY KEY,
  feed_id          uuid NOT NULL REFERENCES feeds,
  connection_id    uuid NOT NULL REFERENCES connections,
  delivery_lock_id          text NOT NULL,
  number           integer NOT NULL,
  size             integer NOT NULL CHECK (size BETWEEN 1 AND 1000),
  body_hash        text NOT NULL,
  first_posted_at  timestamptz NOT NULL,
  last_posted_at   timestamptz NOT NULL,
  state            text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'delivered', 'refused', 'undone')),
  delivered_count  integer,
  evidence         text CHECK (evidence IN ('answer', 'job', 'read_back')),
  job_id           text,
  built_at           timestamptz NOT NULL DEFAULT now(),
  completed_at       timestamptz,
  UNIQUE (feed_id, number)
);
CREATE UNIQUE INDEX batches_one_open_per_delivery_lock ON batches (delivery_lock_id) WHERE state = 'open';

-- One idempotency key of a batch. A new one is made only after the earlier one's final outcome is stored.
CREATE TABLE attempts (
  idempotency_key uuid PRIMARY KEY,
  batch_id        uuid NOT NULL REFERENCES batches,
  number          integer NOT NULL,
  state           text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'delivered', 'nothing_synced', 'in_doubt')),
  posts           integer NOT NULL DEFAULT 0,
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

-- The ledger: a posting of a feed that was built, in which batch and where in it. Delivered is a fact of the
-- batch; `exception` is set only where a posting's fate differs from its batch's.
CREATE TABLE ledger (
  feed_id        uuid NOT NULL,
  transaction_id text NOT NULL COLLATE "C",
  batch_id       uuid NOT NULL,
  position       smallint NOT NULL,
  late           boolean NOT NULL DEFAULT false,
  exception      text CHECK (exception IN ('duplicate', 'conflict', 'quarantined', 'discarded')),
  detail         text,
  PRIMARY KEY (feed_id, transaction_id)
);
CREATE INDEX ledger_of_batch ON ledger (batch_id, position);
CREATE INDEX ledger_exceptions ON ledger (feed_id, exception) WHERE exception IS NOT NULL;

-- The lease says only who may act on the delivery lock's open batch; the open batch itself is the delivery lock.
CREATE TABLE delivery_locks (
  delivery_lock_id     text PRIMARY KEY,
  holder      uuid,
  lease_until timestamptz
);

-- What happened, for people. Newest first by id.
CREATE TABLE timeline (
  entry_id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  customer_id   text,
  connection_id uuid,
  feed_id       uuid,
  kind          text NOT NULL,
  detail        jsonb NOT NULL DEFAULT '{}',
  at            timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX timeline_of_feed ON timeline (feed_id, entry_id DESC) WHERE feed_id IS NOT NULL;
CREATE INDEX timeline_of_customer ON timeline (customer_id, entry_id DESC) WHERE customer_id IS NOT NULL;

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
  -- What the browser is sent to, sealed, from the moment the one-time password exists until it is taken.
  answer_sealed   text,
  reason          text,
  taken_at        timestamptz,
  updated_at      timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX handoffs_by_deadline ON handoffs (deadline_at);

-- Something asked of a provider on behalf of an API caller or a page.
CREATE TABLE commands (
  command_id   uuid PRIMARY KEY,
  customer_id  text REFERENCES customers,
  kind         text NOT NULL,
  input        jsonb NOT NULL,
  secret_sealed text,
  provider_key uuid NOT NULL,
  state        text NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'done', 'failed')),
  result       jsonb,
  problem      jsonb,
  created_at   timestamptz NOT NULL DEFAULT now(),
  finished_at  timestamptz
);
CREATE INDEX commands_by_age ON commands (created_at);

-- Answers to POSTs under an Idempotency-Key, kept 24 hours.
CREATE TABLE idempotency_keys (
  role         text NOT NULL,
  key          text NOT NULL,
  request_hash text NOT NULL,
  status       integer,
  response     jsonb,
  created_at   timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (role, key)
);
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);

-- Webhooks seen, by hash of their body: the same one again is no news.
CREATE TABLE webhooks (
  body_hash   text PRIMARY KEY,
  type        text NOT NULL,
  code        text NOT NULL,
  received_at timestamptz NOT NULL DEFAULT now(),
  times       integer NOT NULL DEFAULT 1
);
CREATE INDEX webhooks_by_age ON webhooks (received_at);

-- Sessions of the pages, as connect-pg-simple keeps them.
CREATE TABLE sessions (
  sid    varchar PRIMARY KEY,
  sess   json NOT NULL,
  expire timestamptz NOT NULL
);
CREATE INDEX sessions_by_expiry ON sessions (expire);
