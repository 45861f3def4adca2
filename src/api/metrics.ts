import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';
import { countAlerts } from '../db/alerts.js';
import type { Pool } from '../db/pool.js';
import { readRepairAge } from '../db/repair-tasks.js';
import type { Availability } from '../domain/availability.js';
import type { Degraded } from '../domain/degraded.js';
import { alertCodes, severityOfAlert } from '../domain/alerts.js';
import type { LogState } from '../logger.js';

/** Upper bounds in seconds: from a quick page to a call that waits for a provider's answer. */
const durationBuckets = [0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 60];

type PostingResult = 'accepted' | 'repeated' | 'conflict' | 'rejected' | 'contradicting';

/** The metrics of the API. Labels are route templates and fixed values; never ids. */
export interface Metrics {
  readonly registry: Registry;
  observeRequest(input: { method: string; route: string; status: number; seconds: number }): void;
  /** `contradicting` ones are among the accepted. */
  countPostings(input: { result: PostingResult; count: number }): void;
  countWebhook(result: 'taken' | 'repeated' | 'bad_signature' | 'unknown_connection' | 'about_a_job'): void;
  countLostSignal(result: 'failed' | 'dropped'): void;
}

/** Uses its own registry, so that two apps in one process (tests) do not share counts. */
export function createMetrics(input: {
  pool: Pool;
  readLogState: () => LogState;
  availability: readonly Availability[];
  readDegraded: () => readonly Degraded[];
}): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  const requests = new Histogram({
    name: 'bankfeeds_http_request_duration_seconds',
    help: 'Time from request to the end of its answer',
    labelNames: ['method', 'route', 'status'],
    buckets: durationBuckets,
    registers,
  });
  const postings = new Counter({
    name: 'bankfeeds_ingested_postings_total',
    help: 'Postings received from core banking, by outcome',
    labelNames: ['result'],
    registers,
  });
  const webhooks = new Counter({
    name: 'bankfeeds_webhooks_total',
    help: 'Webhooks received, by outcome',
    labelNames: ['result'],
    registers,
  });
  const lostSignals = new Counter({
    name: 'bankfeeds_lost_signals_total',
    help: 'Signals that Temporal did not accept; the next check of the feed makes up for them',
    labelNames: ['reason'],
    registers,
  });
  new Counter({
    name: 'bankfeeds_log_lines_dropped_total',
    help: 'Log lines of this process that could not be written: a full disk, or a reader that does not read',
    registers,
    collect() {
      this.reset();
      this.inc(input.readLogState().droppedTotal);
    },
  });
  new Gauge({
    name: 'bankfeeds_database_connections',
    help: 'Connections of the pool',
    labelNames: ['state'],
    registers,
    collect() {
      this.set({ state: 'open' }, input.pool.totalCount);
      this.set({ state: 'idle' }, input.pool.idleCount);
      this.set({ state: 'waited_for' }, input.pool.waitingCount);
    },
  });
  observeParts(input, registers);
  observeFleet({ pool: input.pool, registers });
  return {
    registry,
    observeRequest: ({ method, route, status, seconds }) =>
      requests.observe({ method, route, status: String(status) }, seconds),
    countPostings: ({ result, count }) => postings.inc({ result }, count),
    countWebhook: (result) => webhooks.inc({ result }),
    countLostSignal: (reason) => lostSignals.inc({ reason }),
  };
}

/**
 * Metrics of all feeds, read from the database, so that they also show when the repair job itself does not run. Every API
 * process answers the same values: take the largest. They are NaN while the database does not answer, and all other
 * metrics are still available.
 */
function observeFleet({ pool, registers }: { pool: Pool; registers: Registry[] }): void {
  new Gauge({
    name: 'bankfeeds_repair_age_seconds',
    help: 'Time since the last run of the most overdue task of the repair job; above 300 the feeds are not watched',
    registers,
    async collect() {
      this.set(await readRepairAge(pool).catch(() => Number.NaN));
    },
  });
  new Gauge({
    name: 'bankfeeds_alerts',
    help: 'Open alerts, by code and its severity',
    labelNames: ['code', 'severity'],
    registers,
    async collect() {
      const open = await countAlerts(pool).catch(() => null);
      for (const code of alertCodes) {
        const labels = { code, severity: severityOfAlert[code] };
        this.set(labels, open?.get(code) ?? (open === null ? Number.NaN : 0));
      }
    },
  });
}

/** Parts that calls fail to reach, from this process and from the workers. */
function observeParts(
  input: { availability: readonly Availability[]; readDegraded: () => readonly Degraded[] },
  registers: Registry[],
): void {
  new Gauge({
    name: 'bankfeeds_part_unavailable',
    help: 'Parts whose calls from this process or from a worker fail now (1), by SQLSTATE, gRPC code or HTTP status',
    labelNames: ['part', 'code'],
    registers,
    collect() {
      this.reset();
      for (const availability of input.availability) {
        const cause = availability.current();
        if (cause !== null) this.set({ part: availability.part, code: cause.code }, 1);
      }
      for (const { part, code } of input.readDegraded()) {
        if (code !== undefined) this.set({ part, code }, 1);
      }
    },
  });
}
