-- Whose turn it is when several feeds of a connection have something to send: a feed that found the delivery lock busy is
-- noted, and whoever holds the delivery lock lets it pass after a while.
ALTER TABLE delivery_locks
  ADD COLUMN wanted_by uuid,
  ADD COLUMN wanted_at timestamptz;

-- The feed may send since its facts changed, and no delivery run has begun since: its workflow must be told (again).
ALTER TABLE feeds
  ADD COLUMN check_requested boolean NOT NULL DEFAULT false;

-- When the provider refused the connection last, and how often within a day: sets the pace of trying again, so that
-- a provider that refuses writes while it answers reads is not asked in a circle.
ALTER TABLE connections
  ADD COLUMN refused_at    timestamptz,
  ADD COLUMN refused_times integer NOT NULL DEFAULT 0;
