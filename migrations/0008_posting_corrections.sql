-- What people decide about postings that Sage refused, feed by feed. A correction says what goes out to one feed in
-- place of core banking's own words when the posting is released; the posting's row stays as it came, since other
-- feeds of the account send it as it is. A null keeps the posting's own value. The time of a posting cannot be
-- corrected: it is its place in the order.
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

-- Conflicts of an account, newest first.
CREATE INDEX posting_conflicts_of_account ON posting_conflicts (account_id, conflict_id DESC);

-- Which posting corrects another one; few do.
CREATE INDEX postings_that_correct ON postings (account_id, corrects) WHERE corrects IS NOT NULL;

-- Whether a feed has a batch on its way, asked with every feed that is shown.
CREATE INDEX batches_open_of_feed ON batches (feed_id) WHERE state = 'open';
