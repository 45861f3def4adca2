import { z } from 'zod';
import { pollPeriodBoundsMs } from './assumptions.js';

/** `pollPeriod` in milliseconds, within our bounds (contract 5.1). */
export const pollPeriodSchema = z
  .number()
  .transform((periodMs) => Math.min(Math.max(periodMs, pollPeriodBoundsMs.least), pollPeriodBoundsMs.most));
