import { createRedactor } from '../http/redact.js';

/** What is always secret at Sage: signing keys, tokens, signed addresses, solved captchas. */
const { message } = createRedactor({
  names:
    'signature|x-signature|signing_?key|token|jwt|access_?token|captcha_?text|state|poll_?route|authorisation_id',
  // A JWT by its shape: two parts of base64url that begin as JSON does, and its signature.
  patterns: [/\beyJ[\w-]+\.eyJ[\w-]+\.[\w-]*/g],
});

/** A provider message of Sage's, redacted and truncated, so that it may be shown and stored. */
export const redactMessage = message;
