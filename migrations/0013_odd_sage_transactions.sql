-- A transaction that is not as agreed in other members than its id is stored whole, and stops nothing behind it. Members
-- that could not be read are named, and have no column.
ALTER TABLE sage_transactions ALTER COLUMN transaction_amount DROP NOT NULL;
ALTER TABLE sage_transactions ADD COLUMN unrecognized_members text[];
-- How many of those that were received, and when the last of them was.
ALTER TABLE sage_accounts ADD COLUMN received_unrecognized bigint NOT NULL DEFAULT 0;
ALTER TABLE sage_accounts ADD COLUMN unrecognized_at timestamptz;
-- For the alert of those that had one lately.
CREATE INDEX sage_accounts_odd ON sage_accounts (unrecognized_at) WHERE unrecognized_at IS NOT NULL;
