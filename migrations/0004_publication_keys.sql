-- A publish key belongs to one request body (another under the same key is an error at Rutter). `account_seen_at` is
-- the account's updated_at when the key was first used; when the account has changed since, the key is renewed, but
-- only once the first request is certainly over, which `key_used_at` tells.
ALTER TABLE publications
  ADD COLUMN account_seen_at timestamptz,
  ADD COLUMN key_used_at     timestamptz;
