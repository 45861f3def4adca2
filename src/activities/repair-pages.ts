import { Context, heartbeat } from '@temporalio/activity';
import { moveRepairPosition, readRepairPosition } from '../db/repair-tasks.js';
import { limits } from '../domain/limits.js';
import type { SharedDeps } from './deps.js';
import { whileHeartbeating } from './while-heartbeating.js';

/** The result of one page; `lastId` null: it was the last one. */
export interface RepairedPage {
  readonly lastId: string | null;
  readonly checked: number;
  readonly repaired: number;
}

export interface RepairResult {
  readonly checked: number;
  readonly repaired: number;
  /** The round came to its end; the next run begins at the first row. */
  readonly roundEnded: boolean;
}

/**
 * Processes page after page from where the last run ended, until the round ends or a limit of time, pages or repairs is
 * reached. The cursor is stored with every page, so the next run continues a run that died. It never begins a second
 * round.
 */
export async function repairPages(
  deps: SharedDeps,
  input: {
    name: string;
    pagesMax: number;
    repairsMax: number;
    /** No further page after this; default `limits.repairTaskMaxMs`. */
    maxMs?: number;
    page: (afterId: string | null) => Promise<RepairedPage>;
  },
): Promise<RepairResult> {
  const { cancellationSignal } = Context.current();
  const { maxMs = limits.repairTaskMaxMs } = input;
  const startedAtMs = performance.now();
  const start = await readRepairPosition(deps.pool, input);
  let { cursorId } = start;
  let checked = 0;
  let repaired = 0;
  for (let pages = 0; pages < input.pagesMax; pages += 1) {
    heartbeat();
    const afterId = cursorId;
    const page = await whileHeartbeating(() => input.page(afterId));
    const roundBeganAt = afterId === null ? start.startedAt : null;
    await moveRepairPosition(deps.pool, { name: input.name, roundBeganAt, cursorId: page.lastId });
    cursorId = page.lastId;
    checked += page.checked;
    repaired += page.repaired;
    if (cursorId === null) return { checked, repaired, roundEnded: true };
    const spent = performance.now() - startedAtMs > maxMs || repaired >= input.repairsMax;
    if (spent || cancellationSignal.aborted || deps.stopping.aborted) break;
  }
  return { checked, repaired, roundEnded: false };
}
