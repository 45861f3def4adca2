import { pino, type Logger, type LoggerOptions } from 'pino';
import { createLogDestination, writerToStandardOutput } from './logger-destination.js';
import type { DroppedLines, LogDestination, LogState } from './logger-destination.js';

export type { Logger } from 'pino';
export type { LogState } from './logger-destination.js';

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

/** A process makes one. */
export interface Log {
  readonly logger: Logger;
  /** Whether the lines can be written, and how many were dropped. */
  readonly state: () => LogState;
}

/**
 * JSON lines on stdout. Log events, not prose, and never bodies, tokens or names. Redaction is only the last safeguard.
 * Lines that cannot be written are dropped and counted: a full disk or a pipe that nobody reads does not stop a role.
 */
export function createLog(level: string, role: string): Log {
  const destination = createLogDestination({
    write: writerToStandardOutput(),
    describeDropped: (dropped) => droppedLine(role, dropped),
  });
  process.once('exit', () => destination.flush());
  return { logger: createLogger({ level, role, destination }), state: () => destination.state() };
}

function createLogger(input: { level: string; role: string; destination: LogDestination }): Logger {
  const options: LoggerOptions = {
    level: input.level,
    base: { role: input.role },
    timestamp: pino.stdTimeFunctions.isoTime,
    serializers: { err: loggableError, error: loggableError },
    redact: {
      paths: secretKeys.flatMap((key) => [`["${key}"]`, `*["${key}"]`, `*.*["${key}"]`]),
      censor: '[redacted]',
    },
  };
  return pino(options, input.destination);
}

function droppedLine(role: string, { count, failure }: DroppedLines): string {
  const level = pino.levels.values['warn'];
  const time = new Date().toISOString();
  return `${JSON.stringify({ level, time, role, dropped: count, failure, msg: `${count} lines dropped` })}\n`;
}

/** Name, message, stack and codes of an error, without the details that a database adds: they quote values of rows. */
export function loggableError(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const { name, message, stack } = error;
  const { code, constraint } = error as { code?: unknown; constraint?: unknown };
  return { name, message, stack, code, constraint };
}
