-- What the feed's cursor was before a batch was built, so that a batch that certainly never reached Rutter can be
-- undone: its postings are ready again and the next build starts where this one did.
ALTER TABLE batches
  ADD COLUMN cursor_before_posted_at timestamptz,
  ADD COLUMN cursor_before_sequence  bigint,
  ADD COLUMN examined_before         bigint NOT NULL DEFAULT 0;

-- True once an attempt's POST had an unknown outcome: from then on a refusal of a repeat proves nothing.
ALTER TABLE attempts
  ADD COLUMN outcome_unknown boolean NOT NULL DEFAULT false;
