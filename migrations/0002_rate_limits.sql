-- The one limiter of all processes for requests to a provider, two token buckets a row, each kept as the time at
-- which it will be full again (GCRA). Written once per request, so the row stays on one page with room to move.
CREATE TABLE rate_limits (
  name          text PRIMARY KEY,
  -- Used by everyone.
  shared_tat    timestamptz NOT NULL DEFAULT '-infinity',
  -- Used only where a person is waiting.
  reserved_tat  timestamptz NOT NULL DEFAULT '-infinity',
  -- The provider asked for a pause: until then nobody sends.
  blocked_until timestamptz NOT NULL DEFAULT '-infinity'
) WITH (fillfactor = 20);
