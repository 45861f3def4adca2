import { setTimeout as sleep } from 'node:timers/promises';
import { WorkflowNotFoundError } from '@temporalio/client';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { DefaultLogger, Runtime, type LogEntry } from '@temporalio/worker';
import { WorkflowsUnavailable } from '../../src/temporal/calls.js';
import type { createFacade } from '../../src/temporal/channels.js';
import { searchAttributeTypes } from '../../src/temporal/search-attributes.js';
import { createTimeSkipping } from '../support/temporal.js';

export type SimulationFacade = ReturnType<typeof createFacade>;

const signalTriesMax = 5;
const betweenTriesMs = 20;
/**
 * The time-skipping server loses a workflow task that cancels a timer at the moment when it fires, and never skips time
 * again. This is the error that the SDK core then receives. The real server does not have this defect.
 */
const flawMessage = 'invalid history builder state for action';

/**
 * Real time for one sleep; a server that takes longer has stopped. It must be less than one minute: the server then
 * closes the connection because of its pings, and the SDK starts a new call that can no longer be cancelled.
 */
const sleepMaxMs = 45_000;

/** A defect of the test server, not of the service: the run proves nothing and is repeated on another fixture. */
export class ServerFlaw extends Error {
  override readonly name = 'ServerFlaw';
}

/**
 * How many runs of `runs` may hit the defect. From outside it cannot be distinguished from a workflow task of ours that
 * loops, so a higher number is a failure. One run in a hundred hits the defect, two on a busy machine.
 */
export function flawsMax(runs: number): number {
  return 3 + Math.ceil(runs / 20);
}

/** The activity attempts that are running now. */
export class RunningAttempts {
  readonly #attempts = new Set<{ readonly name: string }>();

  async track<T>(name: string, work: () => Promise<T>): Promise<T> {
    const attempt = { name };
    this.#attempts.add(attempt);
    try {
      return await work();
    } finally {
      this.#attempts.delete(attempt);
    }
  }

  names(): string[] {
    return [...this.#attempts].map(({ name }) => name);
  }
}

/**
 * Lets time pass on the server, which skips none while an activity runs. If the sleep does not end although no activity
 * runs, the server has stopped.
 * @throws ServerFlaw
 */
export async function skipTime(
  env: TestWorkflowEnvironment,
  input: { ms: number; flaw: AbortSignal; runningAttempts: RunningAttempts },
): Promise<void> {
  const { ms, flaw, runningAttempts } = input;
  flaw.throwIfAborted();
  const bound = AbortSignal.any([flaw, AbortSignal.timeout(sleepMaxMs)]);
  const bounded = new Promise<never>((_, reject) => {
    bound.addEventListener('abort', () => reject(bound.reason as Error), { once: true });
  });
  try {
    await Promise.race([env.connection.withAbortSignal(bound, () => env.sleep(ms)), bounded]);
  } catch (error) {
    if (!bound.aborted) throw error;
    flaw.throwIfAborted();
    const names = runningAttempts.names();
    if (names.length === 0) throw new ServerFlaw('the server skips no time although no activity runs');
    throw new Error(`no end after ${String(sleepMaxMs)} ms of: ${names.join(', ')}`, { cause: error });
  }
}

/**
 * A facade that retries its signals. This server ends a run and starts the next one in two steps, so a signal in between
 * finds no workflow; the real server does both in one step. A busy Temporal is retried as well, as API callers do.
 */
export function withRetries(facade: SimulationFacade): SimulationFacade {
  const retried =
    <Input>(signal: (input: Input) => Promise<void>) =>
    async (input: Input): Promise<void> => {
      for (let tries = 1; ; tries += 1) {
        try {
          return await signal(input);
        } catch (error) {
          const mayRetry = error instanceof WorkflowNotFoundError || error instanceof WorkflowsUnavailable;
          if (!mayRetry || tries >= signalTriesMax) throw error;
          await sleep(betweenTriesMs);
        }
      }
    };
  return {
    ...facade,
    wakeFeed: retried((input: Parameters<SimulationFacade['wakeFeed']>[0]) => facade.wakeFeed(input)),
    feedFactsChanged: retried((input: Parameters<SimulationFacade['feedFactsChanged']>[0]) =>
      facade.feedFactsChanged(input),
    ),
    requestOfFeed: retried((input: Parameters<SimulationFacade['requestOfFeed']>[0]) =>
      facade.requestOfFeed(input),
    ),
    wakeConnection: retried((input: Parameters<SimulationFacade['wakeConnection']>[0]) =>
      facade.wakeConnection(input),
    ),
  };
}

/** A server with our search attributes. Warnings of the SDK core are read, since the defect is reported by one of them. */
export async function createSimulationServer(flaw: AbortController): Promise<TestWorkflowEnvironment> {
  const logger = new DefaultLogger('WARN', (entry: LogEntry) => {
    if (JSON.stringify([entry.message, entry.meta]).includes(flawMessage))
      flaw.abort(new ServerFlaw(flawMessage));
    else if (entry.level === 'ERROR' && entry.meta?.['sdkComponent'] === 'core')
      process.stderr.write(`${entry.message} ${JSON.stringify(entry.meta)}\n`);
  });
  const telemetryOptions = { logging: { filter: { core: 'WARN', other: 'ERROR' }, forward: {} } } as const;
  Runtime.install({ logger, telemetryOptions });
  const env = await createTimeSkipping();
  const { operatorService } = env.connection;
  await operatorService.addSearchAttributes({ namespace: 'default', searchAttributes: searchAttributeTypes });
  return env;
}
