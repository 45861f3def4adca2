import { DefaultLogger, type LogLevel } from '@temporalio/worker';
import type { Logger } from '../logger.js';

const pinoLevels = { TRACE: 'trace', DEBUG: 'debug', INFO: 'info', WARN: 'warn', ERROR: 'error' } as const;

/** The SDK's log lines through our own logger, so that one redaction and one format hold for all. */
export function createSdkLogger(logger: Logger): DefaultLogger {
  const level: LogLevel = logger.isLevelEnabled('debug') ? 'DEBUG' : 'INFO';
  return new DefaultLogger(level, ({ level: entryLevel, message, meta }) => {
    logger[pinoLevels[entryLevel]]({ ...meta }, message);
  });
}
