-- Clocks that differ from this database's by more than the limit, as API and workers measure them every minute; each is
-- an alert. A clock that is right has no row; a row that is not renewed is of a process that ended.
CREATE TABLE clock_differences (
  -- `api@<host>`, `worker@<host>`, `temporal`, or a channel: its provider.
  part          text PRIMARY KEY,
  -- Positive: ahead of this database.
  difference_ms bigint NOT NULL,
  first_at      timestamptz NOT NULL DEFAULT now(),
  measured_at   timestamptz NOT NULL DEFAULT now()
);
