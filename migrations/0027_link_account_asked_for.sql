-- When the account of a link was first asked for with a request that may have had an effect: only then may a later
-- "exists already" be our own work. Null: never, or every request was certainly refused.
ALTER TABLE sage_links ADD COLUMN create_sent_at timestamptz;
