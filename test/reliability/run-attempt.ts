import { ApplicationFailure } from '@temporalio/common';
import type { ActivityDeps } from '../../src/activities/deps.js';
import type { Pool, PoolClient } from '../../src/db/pool.js';

/*
 * What can befall one attempt of an activity from inside its own process: at one of its calls (a statement, a request
 * to Rutter or Sage, a message to Temporal, counted together) the process dies, or the call alone fails, before it took
 * effect or after it.
 */

export interface Failure {
  /** Counted from 1 over all calls of the attempt. */
  readonly call: number;
  readonly kind: 'process_dies' | 'call_fails' | 'asked_to_stop';
  /** The call's effect is there, only its answer is not: a commit that nobody heard of. */
  readonly afterEffect: boolean;
}

/** A process that is gone is noticed by the missing heartbeats after this long; its lease has run out by then. */
export const deathNoticedAfterMs = 10_000;

/** Thrown by everything that a dead process still tries. */
class ProcessIsDead extends Error {
  override readonly name = 'ProcessIsDead';
}

interface Life {
  calls: number;
  dead: boolean;
  readonly stopping: AbortController;
}

/** Runs `work` with dependencies that failure may strike; what a dead process answers never reaches anybody. */
export async function runAttempt<T>(
  deps: ActivityDeps,
  failure: Failure | undefined,
  work: (deps: ActivityDeps) => Promise<T>,
): Promise<T> {
  if (failure === undefined) return await work(deps);
  const life: Life = { calls: 0, dead: false, stopping: new AbortController() };
  try {
    const result = await work(strike(deps, failure, life));
    if (!life.dead) return result;
  } catch (error) {
    if (!life.dead) throw error;
  }
  throw ApplicationFailure.create({
    type: 'ProcessDied',
    message: 'no heartbeat any more',
    nextRetryDelay: deathNoticedAfterMs,
  });
}

type Call = <T>(error: () => Error, effect: () => Promise<T>) => Promise<T>;

function strike(deps: ActivityDeps, failure: Failure, life: Life): ActivityDeps {
  const call: Call = async (error, effect) => {
    if (life.dead) throw new ProcessIsDead();
    life.calls += 1;
    if (life.calls !== failure.call) return await effect();
    if (failure.kind === 'asked_to_stop') {
      life.stopping.abort();
      return await effect();
    }
    if (failure.afterEffect) await effect();
    if (failure.kind === 'process_dies') {
      life.dead = true;
      throw new ProcessIsDead();
    }
    throw error();
  };
  return {
    ...deps,
    pool: strickenPool(deps.pool, call),
    rutter: stricken(deps.rutter, call, requestLost),
    workflows: stricken(deps.workflows, call, temporalAway),
    sage:
      deps.sage === null
        ? null
        : {
            ...deps.sage,
            client: stricken(deps.sage.client, call, requestLost),
            workflows: stricken(deps.sage.workflows, call, temporalAway),
          },
    wait: (waitMs, signal) => {
      if (life.dead) return Promise.reject(new ProcessIsDead());
      return deps.wait(waitMs, signal);
    },
    stopping: AbortSignal.any([deps.stopping, life.stopping.signal]),
  };
}

/** As `pg` says it when the server's end of the connection is gone. */
const databaseAway = () => new Error('Connection terminated unexpectedly');

function temporalAway(): Error {
  const error = new Error('Temporal did not take the message');
  error.name = 'WorkflowsUnavailable';
  return error;
}

/** Requests have the sandbox's faults; a client that breaks down by itself is a bug, and tried again as one. */
const requestLost = () => new Error('the client broke down');

/** Every method of `target` becomes a call. */
function stricken<Target extends object>(target: Target, call: Call, failure: () => Error): Target {
  return new Proxy(target, {
    get: (_, name) => {
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== 'function') return value;
      return (...args: unknown[]) =>
        call(failure, async () => (await Reflect.apply(value, target, args)) as unknown);
    },
  });
}

/** To take a connection of one's own pool is no call to the outside; what is said on it is. */
function strickenPool(pool: Pool, call: Call): Pool {
  const query = queryOf(pool, call);
  const connect = async () => strickenClient(await pool.connect(), call);
  return new Proxy(pool, {
    get: (_, name) => {
      if (name === 'query') return query;
      if (name === 'connect') return connect;
      return Reflect.get(pool, name) as unknown;
    },
  });
}

/** A client of a dead process is thrown away by its pool, and PostgreSQL rolls its transaction back. */
function strickenClient(client: PoolClient, call: Call): PoolClient {
  const query = queryOf(client, call);
  return new Proxy(client, {
    get: (_, name) => {
      if (name === 'query') return query;
      const value: unknown = Reflect.get(client, name);
      return typeof value === 'function' ? (value.bind(client) as unknown) : value;
    },
  });
}

function queryOf(target: Pool | PoolClient, call: Call) {
  return (text: string, values?: unknown[]) => call(databaseAway, () => target.query(text, values));
}
