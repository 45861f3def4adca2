-- Booking days: the calendar day of a posting, and the instant under which it is sent and ordered.

-- IANA names. The account's zone is its own, else its customer's, else BANK_TIME_ZONE.
ALTER TABLE customers ADD COLUMN time_zone text;
ALTER TABLE accounts ADD COLUMN time_zone text;

-- Which form of serialization gave a batch its bytes (`src/clients/rutter/transform.ts`). The default is that of the
-- version before, which does not write this column.
ALTER TABLE batches ADD COLUMN body_version smallint NOT NULL DEFAULT 1;

ALTER TABLE feeds
  -- The first booking day that is sent, derived from transaction_start_date; null where that is null, or was written by
  -- the version before.
  ADD COLUMN start_day date,
  -- Number of the newest batch that was built in the order of send times. A newer one was built by the version before,
  -- which orders by posted_at: the cursor is then set again.
  ADD COLUMN ordered_batch_number integer NOT NULL DEFAULT 0,
  -- Like examined_sequence, which the version before raises after comparing instants instead of days: the lower of both
  -- counts. Zero, so that every feed is examined again after the upgrade.
  ADD COLUMN examined_by_day_sequence bigint NOT NULL DEFAULT 0;
COMMENT ON COLUMN feeds.cursor_posted_at IS 'a send time';
COMMENT ON COLUMN batches.cursor_before_posted_at IS 'a send time';
COMMENT ON COLUMN batches.first_posted_at IS 'as sent';
COMMENT ON COLUMN batches.last_posted_at IS 'as sent';

-- Stored postings have lost their offset: their day is that of BANK_TIME_ZONE, else of UTC (no account has a zone yet).
-- The function stays for the version before, which inserts postings without a day while a deployment replaces it.
DO $do$
BEGIN
  EXECUTE format(
    'CREATE FUNCTION bank_day(instant timestamptz) RETURNS date LANGUAGE sql IMMUTABLE AS $body$SELECT (instant AT TIME ZONE %L)::date$body$',
    coalesce(nullif(current_setting('bankfeeds.bank_time_zone', true), ''), 'UTC'));
END $do$;
CREATE FUNCTION send_time(instant timestamptz, day date) RETURNS timestamptz LANGUAGE sql IMMUTABLE AS
  $$SELECT CASE WHEN (instant AT TIME ZONE 'UTC')::date = day THEN instant ELSE (day + time '12:00') AT TIME ZONE 'UTC' END$$;

ALTER TABLE postings ADD COLUMN booking_day date, ADD COLUMN send_at timestamptz;
DROP INDEX postings_in_order;
-- One rewrite of the table, which is cheaper than an update of each row.
ALTER TABLE postings
  ALTER COLUMN booking_day TYPE date USING bank_day(posted_at),
  ALTER COLUMN send_at TYPE timestamptz USING send_time(posted_at, bank_day(posted_at));
-- What is in a batch or was delivered keeps its send time: it is the one that was sent.
UPDATE postings p SET send_at = p.posted_at FROM ledger l JOIN feeds f USING (feed_id)
 WHERE p.transaction_id = l.transaction_id AND p.account_id = f.account_id AND p.send_at <> p.posted_at;
ALTER TABLE postings ALTER COLUMN booking_day SET NOT NULL, ALTER COLUMN send_at SET NOT NULL;
CREATE INDEX postings_in_order ON postings (account_id, send_at, sequence) WHERE status = 'posted';

CREATE FUNCTION date_posting() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.booking_day := bank_day(NEW.posted_at);
  NEW.send_at := send_time(NEW.posted_at, NEW.booking_day);
  RETURN NEW;
END $$;
CREATE TRIGGER postings_of_the_version_before BEFORE INSERT ON postings
  FOR EACH ROW WHEN (NEW.send_at IS NULL) EXECUTE FUNCTION date_posting();

-- Batches that exist have the order of send times, since their postings keep them.
UPDATE feeds f SET
  ordered_batch_number = coalesce((SELECT max(number) FROM batches b WHERE b.feed_id = f.feed_id), 0),
  start_day = CASE WHEN f.transaction_start_date = date_trunc('day', f.transaction_start_date, 'UTC')
                   THEN (f.transaction_start_date AT TIME ZONE 'UTC')::date
                   ELSE least((f.transaction_start_date AT TIME ZONE 'UTC')::date, bank_day(f.transaction_start_date)) END;
