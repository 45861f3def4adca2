import type { AvailabilityReporter } from './domain/availability.js';
import type { Logger } from './logger.js';

/** One line for each new cause, and one when calls succeed again. */
export function availabilityLog(logger: Logger): AvailabilityReporter {
  return {
    unavailable: ({ part, code, text, sinceMs }) =>
      logger.warn({ part, code, text, since: new Date(sinceMs).toISOString() }, 'part unavailable'),
    availableAgain: ({ part, code, forMs }) => logger.info({ part, code, forMs }, 'part available again'),
  };
}
