-- What both channels use: customers, their accounts and postings, the timeline, alerts, commands and the service's own
-- tables. PostgreSQL is the truth for data; Temporal holds ids, counters and timers. Secrets are stored sealed
-- (AES-256-GCM, key id inside, table and row id as associated data) in columns named *_sealed.

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

-- One bank or card account in core banking.
CREATE TABLE accounts (
  account_id    text PRIMARY KEY,
  customer_id   text NOT NULL REFERENCES customers,
  name          text NOT NULL,
  type          text NOT NULL CHECK (type IN ('bank', 'credit_card')),
  currency      char(3) NOT NULL,
  number_sealed text,
  number_last4  text,
  opened_on     date,
  -- Grows by one with every change of a posting, under the row's lock: sequences have no gaps and become visible in
  -- order, so "everything up to here was examined" stays true.
  last_sequence bigint NOT NULL DEFAULT 0,
  created_at    timestamptz NOT NULL DEFAULT now(),
  updated_at    timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX accounts_of_customer ON accounts (customer_id);

-- One transaction as core banking sent it. `posted` is final; `pending` may be replaced or become `void`.
-- No foreign key here and in the ledger: both are written a thousand rows at a time under the lock of the row they
-- belong to, and a check per row would cost more than the insert.
CREATE TABLE postings (
  account_id       text NOT NULL,
  transaction_id   text NOT NULL COLLATE "C",
  -- Position in the account's order of arrival.
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
-- Each kind of query has exactly one index that can answer it. The planner has no statistics of a young account, takes
-- it for one row, and would otherwise read the whole account by whichever index begins with its id: the primary key is
-- for a list of ids, the first index for the order of delivery, and the second for the order of arrival or a whole
-- account, which queries ask for by `(account_id || '')`.
CREATE INDEX postings_in_order ON postings (account_id, posted_at, sequence) WHERE status = 'posted';
CREATE UNIQUE INDEX postings_by_sequence ON postings ((account_id || ''), sequence);
-- Which posting corrects another one; few do.
CREATE INDEX postings_that_correct ON postings (account_id, corrects) WHERE corrects IS NOT NULL;

-- The same id arrived again with other content: both versions are kept, nothing is overwritten.
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
CREATE INDEX posting_conflicts_of_account ON posting_conflicts (account_id, conflict_id DESC);

-- What happened to customers, connections and feeds. Newest first by id.
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

-- Conditions that an operator should know of. The repair job alone raises and ends them: one condition is one row while
-- it holds.
CREATE TABLE alerts (
  alert_id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  code             text NOT NULL,
  -- What the condition concerns: the id of a feed or connection, a channel, or `service`.
  subject          text NOT NULL,
  feed_id          uuid,
  connection_id    uuid,
  customer_id      text,
  detail           jsonb NOT NULL DEFAULT '{}',
  raised_at        timestamptz NOT NULL DEFAULT now(),
  -- When the repair job found the condition last, accurate to ten minutes.
  last_at          timestamptz NOT NULL DEFAULT now(),
  ended_at         timestamptz,
  -- The log line is written before its column is set: a process that dies in between logs it again.
  announced_at     timestamptz,
  end_announced_at timestamptz
);
CREATE UNIQUE INDEX alerts_one_open_per_subject ON alerts (code, subject) WHERE ended_at IS NULL;
CREATE INDEX alerts_of_feed ON alerts (feed_id, alert_id DESC) WHERE feed_id IS NOT NULL;
CREATE INDEX alerts_to_announce ON alerts (alert_id)
  WHERE announced_at IS NULL OR (ended_at IS NOT NULL AND end_announced_at IS NULL);
-- Ended alerts are deleted after their retention.
CREATE INDEX alerts_ended ON alerts (ended_at) WHERE ended_at IS NOT NULL;

-- How far each task of the repair job has come: a run goes on where the last one ended, round after round. The rows
-- exist from the first day, so that a task that never ran shows its age.
CREATE TABLE repair_tasks (
  name                 text PRIMARY KEY,
  -- The last row that was checked; null at the start of a round.
  cursor_id            uuid,
  round_began_at       timestamptz,
  -- When the last complete round began: a condition that it did not find is over.
  whole_round_began_at timestamptz,
  ran_at               timestamptz NOT NULL DEFAULT now()
);
INSERT INTO repair_tasks (name) VALUES ('alerts');

-- Something asked of a provider on behalf of an API caller or a page.
CREATE TABLE commands (
  command_id    uuid PRIMARY KEY,
  -- Null where it concerns no customer, as a list of banks.
  customer_id   text REFERENCES customers,
  kind          text NOT NULL,
  input         jsonb NOT NULL,
  secret_sealed text,
  -- The idempotency key of the request, where the provider has one.
  provider_key  uuid NOT NULL,
  state         text NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'done', 'failed')),
  result        jsonb,
  problem       jsonb,
  created_at    timestamptz NOT NULL DEFAULT now(),
  -- A write that no idempotency key protects was sent: its effect has to be looked up before another is sent.
  sent_at       timestamptz,
  finished_at   timestamptz
);
CREATE INDEX commands_by_age ON commands (created_at);

-- Answers to POSTs with an Idempotency-Key, kept for 24 hours.
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

-- The one limiter of all processes for requests to a provider: two token buckets a row, each kept as its theoretical
-- arrival time (TAT), the time at which it is full again (GCRA). Written once per request, so the row stays on one page
-- with room for its next version.
CREATE TABLE rate_limits (
  name          text PRIMARY KEY,
  -- Used by both priorities.
  shared_tat    timestamptz NOT NULL DEFAULT '-infinity',
  -- Used only by requests for which a person is waiting.
  reserved_tat  timestamptz NOT NULL DEFAULT '-infinity',
  -- The provider asked for a pause: until then no process sends.
  blocked_until timestamptz NOT NULL DEFAULT '-infinity'
) WITH (fillfactor = 20);

-- Sessions of the pages, as connect-pg-simple keeps them.
CREATE TABLE sessions (
  sid    varchar PRIMARY KEY,
  sess   json NOT NULL,
  expire timestamptz NOT NULL
);
CREATE INDEX sessions_by_expiry ON sessions (expire);

-- Counts of failed sign-ins, as rate-limiter-flexible keeps them: `key` is a hash of the username, or the network that
-- the attempts come from; `expire` is epoch milliseconds.
CREATE TABLE login_throttle (
  key    varchar(255) PRIMARY KEY,
  points integer NOT NULL DEFAULT 0,
  expire bigint
);
CREATE INDEX login_throttle_by_expiry ON login_throttle (expire);
