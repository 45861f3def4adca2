import { createRedactor } from '../http/redact.js';

/** What is secret at Sage wherever it stands: signing keys, tokens, signed addresses, solved captchas. */
const { message } = createRedactor({
  names:
    'signature|x-signature|signing_?key|token|jwt|access_?token|captcha_?text|state|poll_?route|authorisation_id',
  // A JWT by its checks: two parts of base64url that begin as JSON does, and its signature.
  patterns: [/\beyJ[\w-]+\.eyJ[\w-]+\.[\w-]*/g],
});

/** Sage's words as people may read them and a row may hold them. */
export const redactMessage = message;
