-- How old a publish key is: one whose content has changed since is renewed only when its first request is long over.
ALTER TABLE publications ADD COLUMN key_made_at timestamptz NOT NULL DEFAULT now();
