import { createRedactor } from '../http/redact.js';

/** The parameters and fields that carry tokens at Rutter (contract 1: `access_token` travels in URLs). */
const { text, message } = createRedactor({
  names: '(?:new_)?access_token|public_token|client_secret|secret|otp|challenge',
});

/** Removes Rutter's secrets from a text that may hold a URL, JSON or headers. */
export const redactText = text;

/** A provider message of Rutter's, redacted and truncated, so that it may be shown and stored. */
export const redactMessage = message;
