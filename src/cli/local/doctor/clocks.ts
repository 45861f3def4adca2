import {
  clockDifferenceMaxMs,
  clockDifferenceMs,
  clockOffset,
  httpDateResolutionMs,
  isClockOff,
  ownClock,
  type ClockReading,
} from '../../../domain/clock-difference.js';
import { failed, ok, skipped, textOf, type Check, type Finding } from './check.js';

/** The clock of another part, against the one of this machine; `read` is null where the part is not configured. */
export function clockCheck(input: {
  id: string;
  part: string;
  read: (() => Promise<ClockReading | null>) | null;
  /** The clock is read from an HTTP answer. */
  isHttpDate?: boolean;
}): Check {
  return {
    id: input.id,
    run: async () => {
      if (input.read === null) return skipped(`${input.part} is not configured`);
      try {
        const reading = await input.read();
        if (reading === null) return skipped(`${input.part} sends no time`);
        const offset = clockOffset(reading, input.isHttpDate === true ? httpDateResolutionMs : 1);
        return clockFinding(input.part, clockDifferenceMs(offset, ownClock));
      } catch (error) {
        return skipped(`the time is not known: ${textOf(error)}`);
      }
    },
  };
}

/** `differenceMs` positive: the part is ahead of this machine. */
export function clockFinding(part: string, differenceMs: number): Finding {
  const limit = `the limit is ${String(clockDifferenceMaxMs / 1_000)} s`;
  const seconds = (Math.abs(differenceMs) / 1_000).toFixed(1);
  if (!isClockOff(differenceMs)) return ok(`differs by ${seconds} s; ${limit}`);
  return failed(
    `${part} is ${seconds} s ${differenceMs > 0 ? 'ahead of' : 'behind'} this machine; ${limit}`,
    'Find out which of the two is wrong and let NTP set it (timedatectl, chronyc tracking).',
  );
}
