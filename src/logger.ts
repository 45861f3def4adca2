import { pino, type Logger } from 'pino';

export type { Logger } from 'pino';

/** Keys whose values are never logged, on any of the first three levels of an object. */
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
 * JSON lines on stdout. Log events, not prose, and never bodies, tokens or names. Redaction is only the last safeguard.
 */
export function createLogger(level: string, role: string): Logger {
  return pino({
    level,
    base: { role },
    timestamp: pino.stdTimeFunctions.isoTime,
    serializers: { err: loggableError, error: loggableError },
    redact: {
      paths: secretKeys.flatMap((key) => [`["${key}"]`, `*["${key}"]`, `*.*["${key}"]`]),
      censor: '[redacted]',
    },
  });
}

/** Name, message, stack and codes of an error, without the details that a database adds: they quote values of rows. */
export function loggableError(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const { name, message, stack } = error;
  const { code, constraint } = error as { code?: unknown; constraint?: unknown };
  return { name, message, stack, code, constraint };
}
