import { pino, type Logger } from 'pino';

export type { Logger } from 'pino';

/** Keys that never reach a log, wherever they stand in an object of up to three levels. */
const secretKeys = [
  'access_token',
  'accessToken',
  'authorization',
  'Authorization',
  'cookie',
  'Cookie',
  'set-cookie',
  'password',
  'passwordHash',
  'secret',
  'clientSecret',
  'otp',
  'challenge',
  'redirect_uri',
  'redirectUri',
  'public_token',
  'publicToken',
  'number',
  'url',
  'body',
];

/**
 * JSON lines on stdout. Log events, not prose; never bodies, tokens or names: redaction is the net below, not
 * the plan.
 */
export function createLogger(level: string, role: string): Logger {
  return pino({
    level,
    base: { role },
    timestamp: pino.stdTimeFunctions.isoTime,
    redact: {
      paths: secretKeys.flatMap((key) => [`["${key}"]`, `*["${key}"]`, `*.*["${key}"]`]),
      censor: '[redacted]',
    },
  });
}
