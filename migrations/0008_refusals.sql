-- Refused batches and what Rutter returns with other text.

-- What the bisection plan of a feed has used up: size of the refused batch, requests, postings refused alone, and which
-- names of the provider led somewhere. Null: as at the beginning of a plan.
ALTER TABLE feeds ADD COLUMN bisection_progress jsonb;

-- Part of a refused batch that is sent again. Of the others, a batch of one that is refused counts toward blocking the
-- feed when several follow one another.
ALTER TABLE batches ADD COLUMN bisected boolean NOT NULL DEFAULT false;

-- `altered`: delivered, and Rutter shows it with other text (description, payee, type or time of day) than was sent.
ALTER TABLE ledger DROP CONSTRAINT ledger_exception_check;
ALTER TABLE ledger ADD CONSTRAINT ledger_exception_check
  CHECK (exception IN ('duplicate', 'altered', 'conflict', 'suspected', 'quarantined', 'discarded')) NOT VALID;

-- Delivered postings that Rutter shows with other text, since the feed exists; and how many of them an operator has
-- acknowledged: an alert is open while there are more.
ALTER TABLE feeds ADD COLUMN altered_count integer NOT NULL DEFAULT 0,
                  ADD COLUMN altered_acknowledged_count integer NOT NULL DEFAULT 0;
CREATE INDEX feeds_altered ON feeds (feed_id) WHERE altered_count > altered_acknowledged_count;
