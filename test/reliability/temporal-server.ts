import { setTimeout as sleep } from 'node:timers/promises';
import { WorkflowNotFoundError } from '@temporalio/client';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { DefaultLogger, Runtime, type LogEntry } from '@temporalio/worker';
import { WorkflowsUnavailable } from '../../src/temporal/calls.js';
import type { createWorkflowFacade } from '../../src/temporal/facade.js';
import { searchAttributeTypes } from '../../src/temporal/search-attributes.js';
import { createTimeSkipping } from '../support/temporal.js';

export type SimulationFacade = ReturnType<typeof createWorkflowFacade>;

const signalTriesMax = 5;
const betweenTriesMs = 20;
/**
 * The time-skipping server loses a workflow task that cancels a timer in the very moment in which it fires, and never
 * skips time again. It says so to the SDK's core; the real server does nothing of the kind.
 */
const flawWords = 'invalid history builder state for action';

/**
 * Real time for one sleep: a server that takes longer has stopped. Less than the minute after which it closes a
 * connection for its pings, whereupon the SDK calls again and is not to be cancelled any more.
 */
const sleepMaxMs = 45_000;

/** Not the service's fault: the run says nothing and is to be repeated on another fixture. */
export class ServerFlaw extends Error {
  override readonly name = 'ServerFlaw';
}

/**
 * More of them than this in so many runs are no chance any more: a workflow task of ours that spins checks like the flaw
 * from outside. The flaw itself meets a run in a hundred, on a busy machine two.
 */
export function flawsMax(runs: number): number {
  return 3 + Math.ceil(runs / 20);
}

/** The attempts of activities that are under way. */
export class AtWork {
  readonly #attempts = new Set<{ readonly name: string }>();

  async during<T>(name: string, work: () => Promise<T>): Promise<T> {
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
 * Lets time pass as the server sees it. While an activity is under way it skips none; when it does not come to an end
 * although none is, it is the server that has stopped.
 * @throws ServerFlaw
 */
export async function skipTime(
  env: TestWorkflowEnvironment,
  input: { ms: number; flaw: AbortSignal; atWork: AtWork },
): Promise<void> {
  const { ms, flaw, atWork } = input;
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
    const names = atWork.names();
    if (names.length === 0) throw new ServerFlaw('it skips no time though nothing is under way');
    throw new Error(`no end after ${String(sleepMaxMs)} ms of: ${names.join(', ')}`, { cause: error });
  }
}

/**
 * This server ends a run and begins the next one in two steps, and a signal in between finds nothing; the real one has
 * it in one. So whoever signals here asks again; also, as the callers of the API do, when Temporal was too busy to answer.
 */
export function patient(facade: SimulationFacade): SimulationFacade {
  const again =
    <Input>(signal: (input: Input) => Promise<void>) =>
    async (input: Input): Promise<void> => {
      for (let tries = 1; ; tries += 1) {
        try {
          return await signal(input);
        } catch (error) {
          const mayGo = error instanceof WorkflowNotFoundError || error instanceof WorkflowsUnavailable;
          if (!mayGo || tries >= signalTriesMax) throw error;
          await sleep(betweenTriesMs);
        }
      }
    };
  return {
    ...facade,
    wakeFeed: again((input: Parameters<SimulationFacade['wakeFeed']>[0]) => facade.wakeFeed(input)),
    feedFactsChanged: again((input: Parameters<SimulationFacade['feedFactsChanged']>[0]) =>
      facade.feedFactsChanged(input),
    ),
    requestOfFeed: again((input: Parameters<SimulationFacade['requestOfFeed']>[0]) =>
      facade.requestOfFeed(input),
    ),
    wakeConnection: again((input: Parameters<SimulationFacade['wakeConnection']>[0]) =>
      facade.wakeConnection(input),
    ),
  };
}

/** A server with our search attributes. What the SDK's core warns of goes through our hands: the flaw is among it. */
export async function createSimulationServer(flaw: AbortController): Promise<TestWorkflowEnvironment> {
  const logger = new DefaultLogger('WARN', (entry: LogEntry) => {
    if (JSON.stringify([entry.message, entry.meta]).includes(flawWords))
      flaw.abort(new ServerFlaw(flawWords));
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
