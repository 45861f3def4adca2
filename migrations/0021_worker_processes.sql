-- The worker processes that run, as they describe themselves every few seconds: workers have no address of their own, and
-- what one of them finds is shown by every API process.
CREATE TABLE worker_processes (
  -- The identity under which it polls, and when it started.
  worker_id  text PRIMARY KEY,
  started_at timestamptz NOT NULL DEFAULT now(),
  seen_at    timestamptz NOT NULL DEFAULT now(),
  -- Version, and what is degraded: part, code and text of each cause.
  state      jsonb NOT NULL
);
