import type { LogState } from '../logger.js';
import type { ApiDeps } from './deps.js';

/** A part that has not answered within this time is not ready. */
const answeredWithinMs = 3_000;

export interface Readiness {
  readonly ready: boolean;
  readonly database: boolean;
  readonly temporal: boolean;
  /** What works less well than it should although the process is ready. */
  readonly degraded: readonly Degraded[];
}

export interface Degraded {
  readonly part: 'log';
  /** One sentence for an operator. */
  readonly cause: string;
}

/** Whether the database (with its schema) and Temporal answer now, and what is degraded. Never throws. */
export async function readReadiness(
  input: Pick<ApiDeps, 'pool' | 'facade' | 'readLogState'>,
): Promise<Readiness> {
  const [database, temporal] = await Promise.all([
    withinTime(input.pool.query('SELECT 1 FROM customers LIMIT 1').then(() => true)),
    withinTime(input.facade.reachable()),
  ]);
  return { ready: database && temporal, database, temporal, degraded: degradedLog(input.readLogState()) };
}

/** A process whose log lines are dropped does its work: taking it out of rotation would make things worse. */
function degradedLog({ failure, droppedTotal }: LogState): Degraded[] {
  if (failure === null) return [];
  return [{ part: 'log', cause: `log lines cannot be written (${failure}): ${droppedTotal} were dropped` }];
}

async function withinTime(answer: Promise<boolean>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), answeredWithinMs);
  });
  try {
    return await Promise.race([answer, late]);
  } catch {
    return false;
  } finally {
    clearTimeout(timer);
  }
}
