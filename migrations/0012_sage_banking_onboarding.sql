-- The channel `sage-banking`: further accounts of one consent, and companies of an organisation that exists.

-- `candidate`: an account that the customer has granted with an earlier consent.
ALTER TABLE sage_links DROP CONSTRAINT sage_links_purpose_check;
ALTER TABLE sage_links ADD CONSTRAINT sage_links_purpose_check
  CHECK (purpose IN ('link', 'direct', 'reauthorise', 'candidate'));

ALTER TABLE sage_onboardings
  -- The organisation that the company is created in: named by the order of a further company, or created by this
  -- onboarding. Null: organisation and company are created by one request.
  ADD COLUMN organisation_id         text,
  -- Its signing key, until the company is stored with it.
  ADD COLUMN organisation_key_sealed text;
