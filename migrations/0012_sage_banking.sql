-- The `sage-banking` channel: Sage's own Banking Service. A company there is a connection, an account there is a feed: their ids
-- are of one kind with those of the `rutter` channel, their tables are not, since nearly nothing else is alike.

CREATE TABLE sage_onboardings (
  onboarding_id     uuid PRIMARY KEY,
  customer_id       text NOT NULL REFERENCES customers,
  kind              text NOT NULL CHECK (kind IN ('cloud', 'desktop')),
  -- Company, CRM id and user as they are sent; licence details stand sealed beside.
  request           jsonb NOT NULL,
  licence_sealed    text,
  terms_accepted_at timestamptz NOT NULL,
  state             text NOT NULL DEFAULT 'registering'
                    CHECK (state IN ('registering', 'waiting_captcha', 'creating', 'ready', 'refused', 'in_doubt')),
  captcha_id        text,
  captcha_image     text,
  captcha_at        timestamptz,
  -- What the person read in the captcha, until it is sent.
  captcha_text      text,
  captcha_failures  integer NOT NULL DEFAULT 0,
  -- The registration that was validated unknown was made again once, in case it had expired.
  registered_again  boolean NOT NULL DEFAULT false,
  -- When a person last did something about it: began it, typed what the captcha shows, resolved a doubt.
  person_at         timestamptz NOT NULL DEFAULT now(),
  -- The POST that creates went out and its answer is not stored: nothing may be sent again before a person has said
  -- what came of it. Written before the POST, cleared with its answer.
  posting_since     timestamptz,
  -- What an operator found out about a lost answer, until it is done; its signing key sealed.
  resolution_sealed text,
  reason            text,
  message           text,
  created_at        timestamptz NOT NULL DEFAULT now(),
  updated_at        timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX sage_onboardings_one_open ON sage_onboardings (customer_id)
  WHERE state IN ('registering', 'waiting_captcha', 'creating', 'in_doubt');
-- For the repair job, by id.
CREATE INDEX sage_onboardings_open ON sage_onboardings (onboarding_id)
  WHERE state IN ('registering', 'waiting_captcha', 'creating', 'in_doubt');
CREATE INDEX sage_onboardings_of_customer ON sage_onboardings (customer_id, created_at DESC);

-- A company in its organisation: the customer's tie to Sage on this channel, so its id is a connection's.
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

-- Organisations whose answer came when their onboarding had gone on without it: the one time that Sage tells the key.
CREATE TABLE sage_unclaimed_organisations (
  organisation_id    text NOT NULL,
  company_id         text NOT NULL,
  onboarding_id      uuid NOT NULL REFERENCES sage_onboardings,
  signing_key_sealed text NOT NULL,
  created_at         timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (organisation_id, company_id)
);

-- One bank account at Sage for its whole life; its id is the feed's. Cancelled is final, a reconnected one is new.
CREATE TABLE sage_accounts (
  sage_account_id      uuid PRIMARY KEY,
  customer_id          text NOT NULL REFERENCES customers,
  connection_id        uuid NOT NULL REFERENCES sage_companies,
  bank_account_id      text NOT NULL,
  bank_id              text NOT NULL,
  bank_name            text NOT NULL,
  data_provider        text NOT NULL CHECK (data_provider IN ('indirect', 'direct')),
  name                 text NOT NULL,
  number_last4         text,
  -- SHA-256 of bank and account identifiers: tells the same account again without keeping its number.
  identity_hash        text NOT NULL,
  currency             text,
  status               text NOT NULL DEFAULT 'pending' CHECK (status IN ('pending', 'active', 'authRequired', 'cancelled')),
  status_reason        text,
  status_since         timestamptz NOT NULL DEFAULT now(),
  requested_start_date timestamptz,
  predecessor_id       uuid REFERENCES sage_accounts,
  -- For a direct bank: how its customers authorise, and, sealed, what Sage tells of this account while that is awaited
  -- (a form's signed address, good for an hour).
  authorisation_mechanism jsonb,
  authorisation_sealed text,
  -- The cursor: every transaction up to it is stored. Moved only in the transaction that stores them.
  last_transaction_id  bigint NOT NULL DEFAULT 0,
  received             bigint NOT NULL DEFAULT 0,
  cancel_requested_at  timestamptz,
  reason               text,
  reason_detail        text,
  reason_at            timestamptz,
  last_read_at         timestamptz,
  -- A new one is checked as soon as it has its workflow.
  next_read_at         timestamptz DEFAULT now(),
  cancelled_at         timestamptz,
  created_at           timestamptz NOT NULL DEFAULT now(),
  updated_at           timestamptz NOT NULL DEFAULT now(),
  UNIQUE (connection_id, bank_account_id)
);
CREATE INDEX sage_accounts_of_customer ON sage_accounts (customer_id, sage_account_id);
CREATE INDEX sage_accounts_with_reason ON sage_accounts (sage_account_id) WHERE reason IS NOT NULL;
-- For the alert of those whose look is overdue.
CREATE INDEX sage_accounts_by_next_read ON sage_accounts (next_read_at) WHERE status <> 'cancelled';

-- One way through a bank's pages, to a new account or to the renewal of an old one's authorisation.
CREATE TABLE sage_links (
  link_id              uuid PRIMARY KEY,
  customer_id          text NOT NULL REFERENCES customers,
  connection_id        uuid NOT NULL REFERENCES sage_companies,
  purpose              text NOT NULL CHECK (purpose IN ('link', 'direct', 'reauthorise')),
  state                text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'linked', 'refused', 'expired')),
  bank_id              text NOT NULL,
  bank_name            text,
  requested_start_date timestamptz,
  -- The account that is re-authorised, or the one that came of the link.
  sage_account_id      uuid REFERENCES sage_accounts,
  redirect_sealed      text,
  -- The one route that may be called next; replaced in the transaction that learns the new one.
  poll_route_sealed    text,
  poll_period_ms       integer,
  -- Ways begun, the first included: a lost answer costs the route, and the person begins again.
  attempts             integer NOT NULL DEFAULT 0,
  expires_at           timestamptz,
  -- What the bank told of the account, or what the customer typed for a direct bank, until it is created.
  account_sealed       text,
  reason               text,
  message              text,
  created_at           timestamptz NOT NULL DEFAULT now(),
  updated_at           timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX sage_links_waiting ON sage_links (link_id) WHERE state = 'waiting';

-- What Sage told of each transaction: its whole object, and beside it what rules ask for.
CREATE TABLE sage_transactions (
  sage_account_id       uuid NOT NULL,
  transaction_id        bigint NOT NULL,
  transaction_amount    numeric NOT NULL,
  transaction_narrative text,
  date_posted           text,
  body                  jsonb NOT NULL,
  -- Suggestions of the last reading or reprocess run. Never facts.
  predicted_actions     jsonb NOT NULL DEFAULT '[]',
  predicted_at          timestamptz,
  received_at           timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (sage_account_id, transaction_id)
);
-- Those that came without postings, which reprocess runs count and go through (`pendingTransaction`, word for word).
CREATE INDEX sage_transactions_pending ON sage_transactions (sage_account_id, transaction_id)
  WHERE CASE jsonb_typeof(body -> 'accountsPostings')
    WHEN 'array' THEN jsonb_array_length(body -> 'accountsPostings') = 0 ELSE true END;

-- A run of the rules over stored transactions, in chunks that Sage takes.
CREATE TABLE sage_reprocesses (
  reprocess_id    uuid PRIMARY KEY,
  sage_account_id uuid NOT NULL REFERENCES sage_accounts,
  customer_id     text NOT NULL REFERENCES customers,
  -- The stored ones of the ids asked for, ascending; null: every pending one up to `last_id`.
  transaction_ids bigint[],
  -- The last id that belongs to the run: what arrives later has been through the rules.
  last_id         bigint NOT NULL,
  state           text NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'done', 'failed')),
  total           integer NOT NULL,
  -- Everything up to this id was reprocessed, or left out.
  done_up_to      bigint NOT NULL DEFAULT 0,
  done_count      integer NOT NULL DEFAULT 0,
  -- Ids that we do not have, or Sage does not: the first of them, and how many.
  left_out        bigint[] NOT NULL DEFAULT '{}',
  left_out_count  integer NOT NULL DEFAULT 0,
  -- The chunk under way: chosen before it is asked for, its route and beginning known after.
  chunk_ids       bigint[],
  -- Fewer ids than Sage takes, after an answer that was too large to read; null until then.
  chunk_max       integer,
  poll_route_sealed text,
  poll_period_ms  integer,
  chunk_began_at  timestamptz,
  -- Runs at Sage for this chunk that came to nothing.
  chunk_failures  integer NOT NULL DEFAULT 0,
  reason          text,
  -- Sage's own words, redacted.
  message         text,
  created_at      timestamptz NOT NULL DEFAULT now(),
  finished_at     timestamptz
);
-- One run of an account at a time, as Sage works on them.
CREATE UNIQUE INDEX sage_reprocesses_one_running ON sage_reprocesses (sage_account_id) WHERE state = 'running';
CREATE INDEX sage_reprocesses_running ON sage_reprocesses (reprocess_id) WHERE state = 'running';

-- A POST that no key protects went out, a rule for instance: before another what came of it has to be looked up.
ALTER TABLE commands ADD COLUMN posted_at timestamptz;

-- Which rule of a disconnected account was made again on which account: restoring again restores nothing twice.
CREATE TABLE sage_restored_rules (
  sage_account_id uuid NOT NULL REFERENCES sage_accounts,
  old_rule_id     text NOT NULL,
  new_rule_id     text,
  reason          text,
  restored_at     timestamptz,
  updated_at      timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (sage_account_id, old_rule_id)
);

INSERT INTO repair_tasks (name) VALUES ('sage'), ('sage_onboardings'), ('sage_links'), ('sage_reprocesses');
