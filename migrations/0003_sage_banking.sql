-- The channel `sage-banking`: Sage's own Banking Service. A company there is a connection, and an account there is a
-- feed: their ids are of one kind with those of the channel `rutter`. The tables are separate, since hardly a column is
-- the same.

CREATE TABLE sage_onboardings (
  onboarding_id       uuid PRIMARY KEY,
  customer_id         text NOT NULL REFERENCES customers,
  kind                text NOT NULL CHECK (kind IN ('cloud', 'desktop')),
  -- Company, CRM id and user as they are sent; licence details are sealed in their own column.
  request             jsonb NOT NULL,
  licence_sealed      text,
  terms_accepted_at   timestamptz NOT NULL,
  state               text NOT NULL DEFAULT 'registering'
                      CHECK (state IN ('registering', 'waiting_captcha', 'creating', 'ready', 'refused', 'in_doubt')),
  captcha_id          text,
  captcha_image       text,
  captcha_received_at timestamptz,
  -- What the person read in the captcha, until it is sent.
  captcha_text        text,
  captcha_failures    integer NOT NULL DEFAULT 0,
  -- Sage did not know the registration, and it was made again once, in case it had expired.
  registered_again    boolean NOT NULL DEFAULT false,
  -- When a person last acted: began it, typed the captcha's text, resolved an unknown outcome.
  person_acted_at     timestamptz NOT NULL DEFAULT now(),
  -- The POST that creates was sent and its answer is not stored: nothing may be sent again before a person has said
  -- what its outcome was. Written before the POST, cleared with its answer.
  create_sent_at      timestamptz,
  -- What an operator found out about a lost answer, until it is applied; with the signing key, so it is sealed.
  resolution_sealed   text,
  reason              text,
  message             text,
  created_at          timestamptz NOT NULL DEFAULT now(),
  updated_at          timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX sage_onboardings_one_open ON sage_onboardings (customer_id)
  WHERE state IN ('registering', 'waiting_captcha', 'creating', 'in_doubt');
-- For the repair job, by id.
CREATE INDEX sage_onboardings_open ON sage_onboardings (onboarding_id)
  WHERE state IN ('registering', 'waiting_captcha', 'creating', 'in_doubt');
CREATE INDEX sage_onboardings_of_customer ON sage_onboardings (customer_id, created_at DESC);

-- A company in its organisation: the customer's connection on this channel.
CREATE TABLE sage_companies (
  connection_id      uuid PRIMARY KEY,
  customer_id        text NOT NULL REFERENCES customers,
  onboarding_id      uuid UNIQUE REFERENCES sage_onboardings,
  organisation_id    text NOT NULL,
  company_id         text NOT NULL,
  name               text NOT NULL,
  signing_key_sealed text NOT NULL,
  created_at         timestamptz NOT NULL DEFAULT now(),
  UNIQUE (organisation_id, company_id)
);
CREATE INDEX sage_companies_of_customer ON sage_companies (customer_id);

-- Organisations whose answer arrived when their onboarding had gone on without it: Sage returns the signing key once.
CREATE TABLE sage_unclaimed_organisations (
  organisation_id    text NOT NULL,
  company_id         text NOT NULL,
  onboarding_id      uuid NOT NULL REFERENCES sage_onboardings,
  signing_key_sealed text NOT NULL,
  created_at         timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (organisation_id, company_id)
);

-- One bank account at Sage for its whole life; its id is the feed's. Cancelled is final, a reconnected account is a new
-- row.
CREATE TABLE sage_accounts (
  sage_account_id         uuid PRIMARY KEY,
  customer_id             text NOT NULL REFERENCES customers,
  connection_id           uuid NOT NULL REFERENCES sage_companies,
  bank_account_id         text NOT NULL,
  bank_id                 text NOT NULL,
  bank_name               text NOT NULL,
  data_provider           text NOT NULL CHECK (data_provider IN ('indirect', 'direct')),
  name                    text NOT NULL,
  number_last4            text,
  -- SHA-256 of bank and account identifiers: recognizes the same account again without storing its number.
  identity_hash           text NOT NULL,
  currency                text,
  status                  text NOT NULL DEFAULT 'pending'
                          CHECK (status IN ('pending', 'active', 'authRequired', 'cancelled')),
  status_reason           text,
  status_since            timestamptz NOT NULL DEFAULT now(),
  requested_start_date    timestamptz,
  predecessor_id          uuid REFERENCES sage_accounts,
  -- For a direct bank: how its customers authorise, and, sealed, what Sage returns for this account while its
  -- authorisation is awaited (a form's signed address, valid for an hour).
  authorisation_mechanism jsonb,
  authorisation_sealed    text,
  -- The cursor: every transaction up to it is stored. Moved only in the transaction that stores them.
  last_transaction_id     bigint NOT NULL DEFAULT 0,
  -- Transactions stored; those of them with a member that could not be read, and when the last of these was stored.
  received                bigint NOT NULL DEFAULT 0,
  received_unrecognized   bigint NOT NULL DEFAULT 0,
  unrecognized_at         timestamptz,
  reason                  text,
  reason_detail           text,
  reason_at               timestamptz,
  last_read_at            timestamptz,
  -- A new account is checked as soon as it has its workflow.
  next_read_at            timestamptz DEFAULT now(),
  cancel_requested_at     timestamptz,
  cancelled_at            timestamptz,
  created_at              timestamptz NOT NULL DEFAULT now(),
  updated_at              timestamptz NOT NULL DEFAULT now(),
  UNIQUE (connection_id, bank_account_id)
);
CREATE INDEX sage_accounts_of_customer ON sage_accounts (customer_id, sage_account_id);
CREATE INDEX sage_accounts_with_reason ON sage_accounts (sage_account_id) WHERE reason IS NOT NULL;
-- For the alert of overdue checks.
CREATE INDEX sage_accounts_by_next_read ON sage_accounts (next_read_at) WHERE status <> 'cancelled';
-- For the alert of accounts with an unrecognized transaction within the last week.
CREATE INDEX sage_accounts_unrecognized ON sage_accounts (unrecognized_at) WHERE unrecognized_at IS NOT NULL;

-- One bank consent: to a new account, or to the renewal of an existing account's authorisation.
CREATE TABLE sage_links (
  link_id              uuid PRIMARY KEY,
  customer_id          text NOT NULL REFERENCES customers,
  connection_id        uuid NOT NULL REFERENCES sage_companies,
  purpose              text NOT NULL CHECK (purpose IN ('link', 'direct', 'reauthorise')),
  state                text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'linked', 'refused', 'expired')),
  bank_id              text NOT NULL,
  bank_name            text,
  requested_start_date timestamptz,
  -- The account that is authorised again, or the one that the link led to.
  sage_account_id      uuid REFERENCES sage_accounts,
  redirect_sealed      text,
  -- The one route that may be called next; replaced in the transaction that stores the new one.
  poll_route_sealed    text,
  poll_period_ms       integer,
  -- Consent sessions begun, the first included: a lost answer loses the route, and the customer begins again.
  attempts             integer NOT NULL DEFAULT 0,
  expires_at           timestamptz,
  -- What the bank returned for the account, or what the customer typed for a direct bank, until it is created.
  account_sealed       text,
  reason               text,
  message              text,
  created_at           timestamptz NOT NULL DEFAULT now(),
  updated_at           timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX sage_links_waiting ON sage_links (link_id) WHERE state = 'waiting';

-- What Sage returned for each transaction: its whole object, and the members that rules use in columns of their own.
CREATE TABLE sage_transactions (
  sage_account_id       uuid NOT NULL,
  transaction_id        bigint NOT NULL,
  -- Null when Sage's own value could not be read.
  transaction_amount    numeric,
  transaction_narrative text,
  date_posted           text,
  body                  jsonb NOT NULL,
  -- Members that are not as agreed. Such a transaction is stored whole and does not stop the ones behind it; a member
  -- named here has no value in its column.
  unrecognized_members  text[],
  -- Suggestions of the last read or reprocess run. Never facts.
  predicted_actions     jsonb NOT NULL DEFAULT '[]',
  predicted_at          timestamptz,
  received_at           timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (sage_account_id, transaction_id)
);
-- Transactions without postings, which reprocess runs count and go through. The condition is `pendingTransaction` of
-- the code, character for character.
CREATE INDEX sage_transactions_pending ON sage_transactions (sage_account_id, transaction_id)
  WHERE CASE jsonb_typeof(body -> 'accountsPostings')
    WHEN 'array' THEN jsonb_array_length(body -> 'accountsPostings') = 0 ELSE true END;

-- A run of the rules over stored transactions, in chunks that Sage accepts.
CREATE TABLE sage_reprocesses (
  reprocess_id      uuid PRIMARY KEY,
  sage_account_id   uuid NOT NULL REFERENCES sage_accounts,
  customer_id       text NOT NULL REFERENCES customers,
  -- The stored ones of the requested ids, ascending; null: every pending transaction up to `last_id`.
  transaction_ids   bigint[],
  -- The last id that belongs to the run: rules were applied to whatever arrives later.
  last_id           bigint NOT NULL,
  state             text NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'done', 'failed')),
  total             integer NOT NULL,
  -- Everything up to this id was reprocessed, or left out.
  done_up_to        bigint NOT NULL DEFAULT 0,
  done_count        integer NOT NULL DEFAULT 0,
  -- Ids that we or Sage do not have: the first of them, and their number.
  left_out          bigint[] NOT NULL DEFAULT '{}',
  left_out_count    integer NOT NULL DEFAULT 0,
  -- The current chunk: chosen before it is requested; its route and start are known after.
  chunk_ids         bigint[],
  -- Fewer ids than Sage accepts, after an answer that was too large to read; null until then.
  chunk_max         integer,
  poll_route_sealed text,
  poll_period_ms    integer,
  chunk_began_at    timestamptz,
  -- Runs at Sage for this chunk that failed.
  chunk_failures    integer NOT NULL DEFAULT 0,
  reason            text,
  -- Sage's message, redacted.
  message           text,
  created_at        timestamptz NOT NULL DEFAULT now(),
  finished_at       timestamptz
);
-- One run of an account at a time, as Sage works on them.
CREATE UNIQUE INDEX sage_reprocesses_one_running ON sage_reprocesses (sage_account_id) WHERE state = 'running';
CREATE INDEX sage_reprocesses_running ON sage_reprocesses (reprocess_id) WHERE state = 'running';

-- Which rule of a disconnected account was created again on which account: restoring twice creates nothing twice.
CREATE TABLE sage_restored_rules (
  sage_account_id uuid NOT NULL REFERENCES sage_accounts,
  old_rule_id     text NOT NULL,
  new_rule_id     text,
  reason          text,
  restored_at     timestamptz,
  updated_at      timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (sage_account_id, old_rule_id)
);

INSERT INTO repair_tasks (name)
VALUES ('sage_accounts'), ('sage_onboardings'), ('sage_links'), ('sage_reprocesses');
