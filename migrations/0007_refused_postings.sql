-- What a refused batch of more than one posting leaves to find out: its postings go out again in smaller batches, from
-- the head, until the bad ones stand alone. All null (and `split_accepted` false) when nothing was refused.
ALTER TABLE feeds
  -- Postings of the refused batch that are still to be decided.
  ADD COLUMN split_left     integer,
  -- Size of the innermost block at the head that is known to hold a bad one; 0 when none is.
  ADD COLUMN split_bad      integer,
  -- A transaction id of ours that the refusal's words name.
  ADD COLUMN split_hint     text COLLATE "C",
  -- Another posting of the refused batch was accepted since: what is refused alone now is the posting's own fault.
  ADD COLUMN split_accepted boolean NOT NULL DEFAULT false,
  ADD CONSTRAINT split_is_whole CHECK ((split_left IS NULL) = (split_bad IS NULL) AND split_left > 0 AND split_bad >= 0);

-- `suspected`: refused alone, but nothing else of its batch was accepted yet, so it may not be the posting's fault.
-- Its row points to the refused batch of one; it is in no other batch until that is known.
ALTER TABLE ledger
  DROP CONSTRAINT ledger_exception_check,
  ADD CONSTRAINT ledger_exception_check
    CHECK (exception IN ('duplicate', 'conflict', 'suspected', 'quarantined', 'discarded'));
