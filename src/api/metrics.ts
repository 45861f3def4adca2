import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';
import { countAlerts } from '../db/alerts.js';
import type { Pool } from '../db/pool.js';
import { readRepairAge } from '../db/repair-tasks.js';
import { alertCodes } from '../domain/alerts.js';

/** Upper bounds in seconds: from a page to a provider's answer that is waited for. */
const durationBuckets = [0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 60];

/** What the API counts. Labels are route templates and our own words; never ids. */
export interface Metrics {
  readonly registry: Registry;
  observeRequest(input: { method: string; route: string; status: number; seconds: number }): void;
  countPostings(input: { result: 'accepted' | 'repeated' | 'conflict' | 'rejected'; count: number }): void;
  countWebhook(result: 'taken' | 'repeated' | 'bad_signature' | 'unknown_connection' | 'about_a_job'): void;
  countLostSignal(result: 'failed' | 'dropped'): void;
}

/** A registry of its own, so that two apps in one process (tests) do not share counts. */
export function createMetrics(input: { pool: Pool }): Metrics {
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
    help: 'Postings received from core banking, by what became of them',
    labelNames: ['result'],
    registers,
  });
  const webhooks = new Counter({
    name: 'bankfeeds_webhooks_total',
    help: 'Webhooks received, by what became of them',
    labelNames: ['result'],
    registers,
  });
  const wakeUps = new Counter({
    name: 'bankfeeds_lost_signals_total',
    help: 'Signals that Temporal did not take; the feed finds what they told of at its next check',
    labelNames: ['reason'],
    registers,
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
  observeFleet({ pool: input.pool, registers });
  return {
    registry,
    observeRequest: ({ method, route, status, seconds }) =>
      requests.observe({ method, route, status: String(status) }, seconds),
    countPostings: ({ result, count }) => postings.inc({ result }, count),
    countWebhook: (result) => webhooks.inc({ result }),
    countLostSignal: (reason) => wakeUps.inc({ reason }),
  };
}

/**
 * What the rows say of the fleet, so that the repair job's own absence shows too: every API process answers the same, take the
 * largest. While the database does not answer they are not a number, and all other metrics go on.
 */
function observeFleet({ pool, registers }: { pool: Pool; registers: Registry[] }): void {
  new Gauge({
    name: 'bankfeeds_repair_age_seconds',
    help: 'Time since the chore of the repair job that is furthest behind has run; above 300 nobody watches the feeds',
    registers,
    async collect() {
      this.set(await readRepairAge(pool).catch(() => Number.NaN));
    },
  });
  new Gauge({
    name: 'bankfeeds_alerts',
    help: 'Alerts that stand now, by code',
    labelNames: ['code'],
    registers,
    async collect() {
      const standing = await countAlerts(pool).catch(() => null);
      for (const code of alertCodes)
        this.set({ code }, standing?.get(code) ?? (standing === null ? Number.NaN : 0));
    },
  });
}
