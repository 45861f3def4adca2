import { countMark, markWritten, readWrittenMark } from '../../db/database-mark.js';
import type { Pool } from '../../db/pool.js';
import { raiseFinding } from '../../db/restore-findings.js';
import { serviceSubject } from '../../domain/alerts.js';
import type { MarkComparison } from '../../domain/database-mark.js';
import type { TemporalSetup } from '../../temporal/setup.js';

export interface SetupCheck {
  /** What was missing in Temporal and was made: names of search attributes and Schedules. */
  readonly restored: readonly string[];
  /** It had been there before: Temporal has lost it. */
  readonly wasLost: boolean;
  readonly comparison: MarkComparison;
}

/**
 * Makes what the service needs in Temporal if it is missing, and compares the database's mark on both sides. What was
 * lost becomes an alert. A repeat is safe, in any number of processes.
 */
export async function checkSetup(input: {
  pool: Pool;
  setup: TemporalSetup;
  /**
   * What this process has made and not reported yet; emptied when it is reported. After a failure the next check is given
   * the same set: it finds nothing missing any more.
   */
  unreported?: Set<string>;
}): Promise<SetupCheck> {
  const { pool, setup, unreported = new Set() } = input;
  const writtenMark = await readWrittenMark(pool);
  const wasSetUp = writtenMark !== null;
  for (const part of await setup.restore()) unreported.add(part);
  const restored = [...unreported];
  if (wasSetUp) {
    for (const part of restored)
      await raiseFinding(pool, { code: 'temporal_data_lost', subject: part, detail: {} });
  }
  unreported.clear();
  const { comparison, toWrite } = await countMark(pool, {
    writtenMark,
    temporal: await setup.readMark(),
  });
  if (comparison === 'other_database')
    await raiseFinding(pool, { code: 'temporal_of_other_database', subject: serviceSubject, detail: {} });
  if (toWrite !== null) {
    await setup.writeMark(toWrite);
    await markWritten(pool, toWrite);
  }
  return { restored, wasLost: wasSetUp && restored.length > 0, comparison };
}
