import { createRedactor } from '../http/redact.js';

/** The parameters and fields that carry tokens at Rutter (contract 1: `access_token` travels in URLs). */
const { text, message } = createRedactor({
  names: '(?:new_)?access_token|public_token|client_secret|secret|otp|challenge',
});

/** Takes Rutter's secrets out of a text that may hold a URL, JSON or headers. */
export const redactText = text;

/** Rutter's words as people may read them and a row may hold them. */
export const redactMessage = message;
