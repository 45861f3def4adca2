import { setTimeout as sleep } from 'node:timers/promises';
import { WorkflowNotFoundError } from '@temporalio/client';
import type { TestWorkflowEnvironment } from '@temporalio/testing';
import { DefaultLogger, Runtime, type LogEntry } from '@temporalio/worker';
import type { createWorkflowFacade } from '../../src/temporal/facade.js';
import { searchAttributeTypes } from '../../src/temporal/search-attributes.js';
import { createTimeSkipping } from '../support/temporal.js';

export type WorldFacade = ReturnType<typeof createWorkflowFacade>;

const signalTriesMax = 5;
const betweenTriesMs = 20;
/**
 * The time-skipping server loses a workflow task that cancels a timer in the very moment in which it fires, and never
 * skips time again. It says so to the SDK's core; the real server does nothing of the kind.
 */
const flawWords = 'invalid history builder state for action';

/** Not the service's fault: the run says nothing and is to be repeated on another ground. */
export class ServerFlaw extends Error {
  override readonly name = 'ServerFlaw';
  constructor() {
    super(flawWords);
  }
}

/**
 * This server ends a run and begins the next one in two steps, and a signal in between finds nothing; the real one has
 * it in one. So whoever signals here asks again.
 */
export function patient(facade: WorldFacade): WorldFacade {
  const again =
    <Input>(signal: (input: Input) => Promise<void>) =>
    async (input: Input): Promise<void> => {
      for (let tries = 1; ; tries += 1) {
        try {
          return await signal(input);
        } catch (error) {
          if (!(error instanceof WorkflowNotFoundError) || tries >= signalTriesMax) throw error;
          await sleep(betweenTriesMs);
        }
      }
    };
  return {
    ...facade,
    wakeFeed: again((input: Parameters<WorldFacade['wakeFeed']>[0]) => facade.wakeFeed(input)),
    feedFactsChanged: again((input: Parameters<WorldFacade['feedFactsChanged']>[0]) =>
      facade.feedFactsChanged(input),
    ),
    requestOfFeed: again((input: Parameters<WorldFacade['requestOfFeed']>[0]) => facade.requestOfFeed(input)),
    nudgeConnection: again((input: Parameters<WorldFacade['nudgeConnection']>[0]) =>
      facade.nudgeConnection(input),
    ),
  };
}

/** A server with our search attributes. What the SDK's core warns of goes through our hands: the flaw is among it. */
export async function createWorldServer(onFlaw: () => void): Promise<TestWorkflowEnvironment> {
  const logger = new DefaultLogger('WARN', (entry: LogEntry) => {
    if (JSON.stringify([entry.message, entry.meta]).includes(flawWords)) onFlaw();
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
