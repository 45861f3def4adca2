-- The channel `sage-banking`: balances, corrected transactions, and one writer of an account's rules at a time.

-- As Sage's provider last reported them: amounts as numbers, days or instants as Sage writes them.
ALTER TABLE sage_accounts
  ADD COLUMN ledger_balance         numeric,
  ADD COLUMN ledger_balance_date    text,
  ADD COLUMN available_balance      numeric,
  ADD COLUMN available_balance_date text,
  -- When Sage last answered with a balance.
  ADD COLUMN balances_at            timestamptz,
  -- Of the stored transactions, those that are not in force: replaced or removed ones, and the removals.
  ADD COLUMN received_corrected     bigint NOT NULL DEFAULT 0,
  -- The command that changes the account's rules at Sage now, and until when no other one may.
  ADD COLUMN rules_writer           uuid,
  ADD COLUMN rules_writer_until     timestamptz;

ALTER TABLE sage_transactions
  -- What this transaction does to the one that its `correctionId` names; null for one that corrects nothing.
  ADD COLUMN correction_action text CHECK (correction_action IN ('replace', 'delete')),
  -- The first correction that replaces or removes this transaction.
  ADD COLUMN corrected_by      bigint;

-- Digests, because a member of Sage's object can be longer than an index entry may be.
CREATE INDEX sage_transactions_by_server_id
  ON sage_transactions (sage_account_id, md5(body ->> 'serverTransactionId'));
CREATE INDEX sage_transactions_corrections
  ON sage_transactions (sage_account_id, md5(body ->> 'correctionId')) WHERE correction_action IS NOT NULL;

-- Transactions that are stored already, by the same rules as new ones (`src/db/sage-banking/corrections.ts`).
UPDATE sage_transactions SET correction_action = lower(body ->> 'correctionAction')
 WHERE jsonb_typeof(body -> 'correctionId') IN ('string', 'number')
   AND upper(body ->> 'correctionAction') IN ('REPLACE', 'DELETE');

WITH corrections AS (
  SELECT sage_account_id, transaction_id, body ->> 'correctionId' AS corrects
    FROM sage_transactions WHERE correction_action IS NOT NULL
), originals AS (
  SELECT c.sage_account_id, c.transaction_id AS correction_id, o.transaction_id
    FROM corrections c JOIN sage_transactions o
      ON o.sage_account_id = c.sage_account_id AND o.transaction_id < c.transaction_id
     AND md5(o.body ->> 'serverTransactionId') = md5(c.corrects)
), pairs AS (
  SELECT * FROM originals
  UNION ALL
  SELECT c.sage_account_id, c.transaction_id, o.transaction_id
    FROM corrections c JOIN sage_transactions o
      ON o.sage_account_id = c.sage_account_id AND o.transaction_id < c.transaction_id
     AND c.corrects ~ '^[1-9][0-9]{0,15}$' AND o.transaction_id::text = c.corrects
   WHERE NOT EXISTS (SELECT 1 FROM originals f
                      WHERE f.sage_account_id = c.sage_account_id AND f.correction_id = c.transaction_id)
  UNION ALL
  SELECT c.sage_account_id, c.transaction_id, o.transaction_id
    FROM corrections c JOIN corrections o
      ON o.sage_account_id = c.sage_account_id AND o.transaction_id < c.transaction_id AND o.corrects = c.corrects
), first_pairs AS (
  SELECT sage_account_id, transaction_id, min(correction_id) AS correction_id FROM pairs GROUP BY 1, 2
)
UPDATE sage_transactions t SET corrected_by = p.correction_id
  FROM first_pairs p
 WHERE t.sage_account_id = p.sage_account_id AND t.transaction_id = p.transaction_id;

UPDATE sage_accounts a SET received_corrected = n.count
  FROM (SELECT sage_account_id, count(*) FROM sage_transactions
         WHERE corrected_by IS NOT NULL OR correction_action = 'delete' GROUP BY 1) n
 WHERE n.sage_account_id = a.sage_account_id;
