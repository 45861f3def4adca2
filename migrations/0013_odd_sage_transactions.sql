-- A transaction that is not as agreed in other members than its id is stored whole, and stops nothing behind it. Members
-- that could not be read are named, and have no column.
ALTER TABLE sage_transactions ALTER COLUMN transaction_amount DROP NOT NULL;
ALTER TABLE sage_transactions ADD COLUMN odd_members text[];
-- How many of those that were received, and when the last of them was.
ALTER TABLE sage_accounts ADD COLUMN received_odd bigint NOT NULL DEFAULT 0;
ALTER TABLE sage_accounts ADD COLUMN odd_at timestamptz;
-- For the alert of those that had one lately.
CREATE INDEX sage_accounts_odd ON sage_accounts (odd_at) WHERE odd_at IS NOT NULL;
