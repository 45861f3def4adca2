-- A posting that Rutter has with other content stays in Sage when an operator discards it: possible duplicates are compared
-- with it as with a delivered one.
ALTER TABLE ledger ADD COLUMN had_conflict boolean NOT NULL DEFAULT false;
-- The texts of `compareAnswer`; a refusal of Rutter's has its own.
UPDATE ledger SET had_conflict = true WHERE exception = 'discarded' AND detail LIKE 'at Rutter %';
