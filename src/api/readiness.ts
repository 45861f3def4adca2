import type { Pool } from '../db/pool.js';
import type { WorkflowFacade } from '../temporal/facade.js';

/** A part that has not answered within this time is not ready. */
const answeredWithinMs = 3_000;

export interface Readiness {
  readonly ready: boolean;
  readonly database: boolean;
  readonly temporal: boolean;
}

/** Whether the database (with its schema) and Temporal answer now. Never throws. */
export async function readReadiness(input: { pool: Pool; facade: WorkflowFacade }): Promise<Readiness> {
  const [database, temporal] = await Promise.all([
    withinTime(input.pool.query('SELECT 1 FROM customers LIMIT 1').then(() => true)),
    withinTime(input.facade.reachable()),
  ]);
  return { ready: database && temporal, database, temporal };
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
