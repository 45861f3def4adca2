-- PostgreSQL and Temporal are backed up apart. What shows that one of them came back older than the other, and what that
-- made uncertain.

-- One row. About every minute a worker counts `mark` up and writes it to Temporal (Schedule `database-mark`): if Temporal
-- has a higher one, this database was restored to an earlier moment; if it has a lower one or none, Temporal was.
CREATE TABLE database_mark (
  only_row        boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  -- A restored database keeps it, so that another database is not taken for one.
  database_id     uuid NOT NULL DEFAULT gen_random_uuid(),
  mark            bigint NOT NULL DEFAULT 0,
  marked_at       timestamptz NOT NULL DEFAULT now(),
  -- The highest mark that Temporal has accepted; null: none, or Temporal has lost it.
  written_mark    bigint,
  -- When a restore of this database was found; null when what it needs has been done.
  restored_at     timestamptz,
  -- What was written to this database between these moments is lost.
  lost_from       timestamptz,
  lost_until      timestamptz,
  -- A process is doing it, at most until then.
  repairing_until timestamptz
);
INSERT INTO database_mark DEFAULT VALUES;

-- What was lost or may be lost, each as one alert (`code`) about one subject, until an operator acknowledges it or, where
-- the service has restored it, for an hour.
CREATE TABLE restore_findings (
  code            text NOT NULL,
  subject         text NOT NULL,
  feed_id         uuid,
  connection_id   uuid,
  customer_id     text,
  detail          jsonb NOT NULL DEFAULT '{}',
  first_found_at  timestamptz NOT NULL DEFAULT now(),
  found_at        timestamptz NOT NULL DEFAULT now(),
  acknowledged_at timestamptz,
  PRIMARY KEY (code, subject)
);
