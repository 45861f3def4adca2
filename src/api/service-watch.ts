import { reviewServiceAlerts } from '../db/service-alerts.js';
import type { Pool } from '../db/pool.js';
import { readWorkerProcesses } from '../db/worker-processes.js';
import { runbookOfAlert, severityOfAlert } from '../domain/alerts.js';
import type { Degraded } from '../domain/degraded.js';
import { alertsOfService, degradedOfService, type ServiceAlert } from '../domain/service-state.js';
import type { Logger } from '../logger.js';
import type { WorkflowFacade } from '../temporal/facade.js';

/** What begins or ends is shown within this time, and raises an alert after twice of it. A check is a handful of cheap calls. */
export const serviceCheckEveryMs = 15_000;

/** While something is degraded, so that its end is shown soon: after a start, or once a worker is back. */
const degradedCheckEveryMs = 3_000;

/** Longer than the calls to Temporal that a check makes; a statement that hangs is not waited for. */
const stopMaxMs = 9_000;

export interface ServiceWatch {
  /** What was degraded at the last check that could be made; one of some time ago says when that was. */
  readDegraded(): readonly Degraded[];
  /** Completes when the check under way has ended, within some seconds: a call may not outlive its connection. */
  stop(): Promise<void>;
}

/** Checks again and again what no single process sees: task queues, search attributes, and what workers say of themselves. */
export function startServiceWatch(input: {
  pool: Pool;
  facade: Pick<WorkflowFacade, 'readTemporalFindings'>;
  logger: Logger;
  /** For tests. */
  everyMs?: number;
}): ServiceWatch {
  const { pool, facade, logger, everyMs = serviceCheckEveryMs } = input;
  let degraded: readonly Degraded[] = [];
  /** By a clock that nobody sets. */
  let checkedMs = performance.now();
  /** By code and subject: since when it was found at each check, by the same clock. */
  let foundSinceMs = new Map<string, number>();
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;

  const check = async (): Promise<void> => {
    const facts = { ...(await facade.readTemporalFindings()), workers: await readWorkerProcesses(pool) };
    degraded = degradedOfService(facts);
    checkedMs = performance.now();
    const found = alertsOfService(facts);
    foundSinceMs = new Map(found.map((alert) => [keyOf(alert), foundSinceMs.get(keyOf(alert)) ?? checkedMs]));
    // What passes while a version is deployed is no alert.
    const isLasting = (alert: ServiceAlert): boolean =>
      checkedMs - (foundSinceMs.get(keyOf(alert)) ?? checkedMs) >= everyMs;
    const { raised, ended } = await reviewServiceAlerts(
      pool,
      found.map((alert) => ({ ...alert, lasting: isLasting(alert) })),
    );
    for (const { code, subject } of raised) {
      const line = { code, subject, severity: severityOfAlert[code], runbook: runbookOfAlert(code) };
      logger.error(line, 'alert raised');
    }
    for (const { code, subject } of ended) logger.info({ code, subject }, 'alert ended');
  };
  const loop = async (): Promise<void> => {
    // What cannot be checked now keeps its last state: the parts themselves are reported as unavailable.
    await check().catch((error: unknown) => logger.debug({ err: error }, 'service not checked'));
    if (stopped) return;
    timer = setTimeout(
      () => {
        running = loop();
      },
      degraded.length > 0 ? Math.min(everyMs, degradedCheckEveryMs) : everyMs,
    ).unref();
  };
  let running = loop();
  return {
    readDegraded: () => degradedAsOf(degraded, { ageMs: performance.now() - checkedMs, everyMs }),
    stop: async () => {
      stopped = true;
      clearTimeout(timer);
      await Promise.race([running, new Promise((resolve) => setTimeout(resolve, stopMaxMs).unref())]);
    },
  };
}

/** Missing so many checks, what was found at the last one may have changed since. */
const checksMissedMax = 3;

/** The same while checks are made; later with the time of the last one. */
export function degradedAsOf(
  degraded: readonly Degraded[],
  { ageMs, everyMs }: { ageMs: number; everyMs: number },
): readonly Degraded[] {
  if (ageMs <= checksMissedMax * everyMs) return degraded;
  const seconds = String(Math.round(ageMs / 1_000));
  return degraded.map((item) => ({ ...item, cause: `${item.cause}; last checked ${seconds} s ago` }));
}

function keyOf({ code, subject }: Pick<ServiceAlert, 'code' | 'subject'>): string {
  return `${code} ${subject}`;
}
