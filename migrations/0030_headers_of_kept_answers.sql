-- The headers of an answer that a repeat under its Idempotency-Key gets again, such as ETag and Location. Null: the answer
-- was kept by a version before, without them.
ALTER TABLE idempotency_keys ADD COLUMN headers jsonb;
