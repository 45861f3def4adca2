-- What else a bank knows of an account: sent to Rutter when the account is published, and shown by the API.

ALTER TABLE accounts
  -- The number was given with some of its digits masked, as `****1234`.
  ADD COLUMN number_masked          boolean NOT NULL DEFAULT false,
  ADD COLUMN iban_sealed            text,
  ADD COLUMN iban_last4             text,
  ADD COLUMN routing_number         text,
  ADD COLUMN sort_code              text,
  ADD COLUMN line_of_business       text,
  -- Core banking's id of the account that this one belongs to; it need not be stored yet.
  ADD COLUMN parent_account_id      text,
  -- False: kept here, but never offered to be shared with Sage.
  ADD COLUMN publishable            boolean NOT NULL DEFAULT true,
  -- The balances are those of one moment; an older moment never replaces a newer one.
  ADD COLUMN balance_available      numeric,
  ADD COLUMN balance_current        numeric,
  ADD COLUMN balances_as_of         timestamptz,
  -- Facts of a credit card.
  ADD COLUMN credit_limit           numeric,
  ADD COLUMN available_credit       numeric,
  ADD COLUMN last_statement_balance numeric,
  ADD COLUMN last_statement_date    date,
  ADD COLUMN minimum_payment_amount numeric,
  ADD COLUMN next_payment_amount    numeric,
  ADD COLUMN next_payment_date      date,
  ADD COLUMN past_due_amount        numeric,
  ADD COLUMN purchases_apr          numeric,
  ADD COLUMN finance_charges        numeric,
  ADD CONSTRAINT balances_have_a_moment
    CHECK ((balances_as_of IS NULL) = (balance_available IS NULL AND balance_current IS NULL));

-- The request body that belongs to the publish key, sealed for this table and `<connection>/<account>`: a repeat under
-- the key has the same bytes, whatever was changed in the account since. Null where the key was used before version
-- 0.3.0, or not at all.
ALTER TABLE publications ADD COLUMN body_sealed text;

-- Rutter refused the creation of an account because of one of its further facts: for a day accounts are created without
-- them.
CREATE TABLE refused_account_facts (
  provider   text PRIMARY KEY,
  refused_at timestamptz NOT NULL DEFAULT now(),
  -- The fields that the refusal named.
  fields     text[] NOT NULL
);

-- What Rutter, and therefore Sage, showed of the feed's account when it was read last. Rutter cannot change these for
-- Sage, so they may differ from our account for ever; `account_differences` names the fields that do.
ALTER TABLE feeds
  ADD COLUMN rutter_name          text,
  ADD COLUMN rutter_currency      text,
  -- Sealed for the table `feeds` and the feed's id.
  ADD COLUMN rutter_number_sealed text,
  ADD COLUMN rutter_number_last4  text,
  ADD COLUMN account_differences  text[] NOT NULL DEFAULT '{}';
