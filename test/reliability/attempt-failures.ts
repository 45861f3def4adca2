import { ApplicationFailure } from '@temporalio/common';
import type { ActivityDeps } from '../../src/activities/channels.js';
import type { Pool, PoolClient } from '../../src/db/pool.js';

/*
 * Failures inside the process of one activity attempt. At one of its calls (statements, requests to Rutter or Sage and
 * messages to Temporal are counted together) the process crashes or the call fails, before or after the call took effect.
 */

export interface InjectedFailure {
  /** Counted from 1 over all calls of the attempt. */
  readonly call: number;
  readonly kind: 'process_crashes' | 'call_fails' | 'asked_to_stop';
  /** The call took effect and only its answer is lost, for example a commit. */
  readonly afterEffect: boolean;
}

/** A crashed process is noticed by its missing heartbeats after this time. Its lease has expired by then. */
export const crashNoticedAfterMs = 10_000;

/** Thrown by every call of a crashed process. */
class ProcessIsGone extends Error {
  override readonly name = 'ProcessIsDead';
}

interface AttemptProcess {
  calls: number;
  crashed: boolean;
  readonly stopping: AbortController;
}

/** Runs `work` with dependencies that fail as planned. The result of a crashed process is discarded. */
export async function runAttempt<T>(
  deps: ActivityDeps,
  failure: InjectedFailure | undefined,
  work: (deps: ActivityDeps) => Promise<T>,
): Promise<T> {
  if (failure === undefined) return await work(deps);
  const process: AttemptProcess = { calls: 0, crashed: false, stopping: new AbortController() };
  try {
    const result = await work(failAt(deps, failure, process));
    if (!process.crashed) return result;
  } catch (error) {
    if (!process.crashed) throw error;
  }
  throw ApplicationFailure.create({
    type: 'ProcessDied',
    message: 'no heartbeats',
    nextRetryDelay: crashNoticedAfterMs,
  });
}

type Call = <T>(error: () => Error, effect: () => Promise<T>) => Promise<T>;

function failAt(deps: ActivityDeps, failure: InjectedFailure, process: AttemptProcess): ActivityDeps {
  const call: Call = async (error, effect) => {
    if (process.crashed) throw new ProcessIsGone();
    process.calls += 1;
    if (process.calls !== failure.call) return await effect();
    if (failure.kind === 'asked_to_stop') {
      process.stopping.abort();
      return await effect();
    }
    if (failure.afterEffect) await effect();
    if (failure.kind === 'process_crashes') {
      process.crashed = true;
      throw new ProcessIsGone();
    }
    throw error();
  };
  return {
    ...deps,
    pool: failingPool(deps.pool, call),
    rutter: failingTarget(deps.rutter, call, requestLost),
    workflows: failingTarget(deps.workflows, call, temporalUnavailable),
    sage:
      deps.sage === null
        ? null
        : {
            ...deps.sage,
            client: failingTarget(deps.sage.client, call, requestLost),
            workflows: failingTarget(deps.sage.workflows, call, temporalUnavailable),
          },
    wait: (waitMs, signal) => {
      if (process.crashed) return Promise.reject(new ProcessIsGone());
      return deps.wait(waitMs, signal);
    },
    stopping: AbortSignal.any([deps.stopping, process.stopping.signal]),
  };
}

/** The error of `pg` for a connection that the server has closed. */
const databaseUnavailable = () => new Error('Connection terminated unexpectedly');

function temporalUnavailable(): Error {
  const error = new Error('Temporal did not accept the message');
  error.name = 'WorkflowsUnavailable';
  return error;
}

/** HTTP faults come from the sandbox. This error is an unexpected one of the client itself, which is retried as well. */
const requestLost = () => new Error('unexpected client error');

/** Every method of `target` becomes a call. */
function failingTarget<Target extends object>(target: Target, call: Call, failure: () => Error): Target {
  return new Proxy(target, {
    get: (_, name) => {
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== 'function') return value;
      return (...args: unknown[]) =>
        call(failure, async () => (await Reflect.apply(value, target, args)) as unknown);
    },
  });
}

/** Acquiring a connection from the pool is not counted as a call; statements are. */
function failingPool(pool: Pool, call: Call): Pool {
  const query = queryOf(pool, call);
  const connect = async () => failingClient(await pool.connect(), call);
  return new Proxy(pool, {
    get: (_, name) => {
      if (name === 'query') return query;
      if (name === 'connect') return connect;
      return Reflect.get(pool, name) as unknown;
    },
  });
}

/** The pool discards a client after a crash, and PostgreSQL rolls its transaction back. */
function failingClient(client: PoolClient, call: Call): PoolClient {
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
  return (text: string, values?: unknown[]) => call(databaseUnavailable, () => target.query(text, values));
}
