-- A provider that refuses our own credentials, for everybody: a row while it does. Whoever meets it writes it, all look
-- at it before they send, and one of them at a time asks whether it is over.
CREATE TABLE provider_outages (
  name          text PRIMARY KEY,
  refused_since timestamptz NOT NULL DEFAULT now(),
  probed_at     timestamptz NOT NULL DEFAULT now()
);

-- Ended alerts are deleted after their time.
CREATE INDEX alerts_ended ON alerts (ended_at) WHERE ended_at IS NOT NULL;
