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
    serializers: { err: loggableError, error: loggableError },
    redact: {
      paths: secretKeys.flatMap((key) => [`["${key}"]`, `*["${key}"]`, `*.*["${key}"]`]),
      censor: '[redacted]',
    },
  });
}

/** Name, text, stack and codes; not the details that a database adds, which quote the values of a row. */
export function loggableError(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const { name, message, stack } = error;
  const { code, constraint } = error as { code?: unknown; constraint?: unknown };
  return { name, message, stack, code, constraint };
}
