import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { DeterminismViolationError } from '@temporalio/workflow';
import { DefaultLogger, Runtime, Worker } from '@temporalio/worker';
import { beforeAll, describe, expect, it } from 'vitest';
import { feedStates } from '../../src/domain/feed.js';
import { searchAttributeNames } from '../../src/domain/search-attributes.js';
import * as workflows from '../../src/workflows/index.js';
import type { WorkflowChange } from '../support/changed-workflows.js';
import { createReplayConverter } from '../support/replay-key.js';
import { bundleWorkflows } from '../support/workflow-environment.js';

const folder = new URL('./histories/', import.meta.url);
/** The states and moments in which a deployment can meet a feed. */
const livesRecorded = [
  ...feedStates,
  'blocked',
  'reopened',
  'renewed',
  'after-renewal',
  'whole-life',
] as const;

const files = (await readdir(folder)).filter((file) => file.endsWith('.json')).sort();

interface SavedHistory {
  events: {
    eventType: string;
    workflowExecutionStartedEventAttributes?: { workflowType: { name: string }; workflowId?: string };
    upsertWorkflowSearchAttributesEventAttributes?: {
      searchAttributes: { indexedFields: Record<string, { data?: string }> };
    };
  }[];
}

async function readHistory(file: string): Promise<SavedHistory> {
  return JSON.parse(await readFile(fileURLToPath(new URL(file, folder)), 'utf8')) as SavedHistory;
}

function workflowTypeOf(history: SavedHistory): string {
  return history.events[0]?.workflowExecutionStartedEventAttributes?.workflowType.name ?? '';
}

describe('saved histories', () => {
  const dataConverter = createReplayConverter();
  /** Why each file does not replay: undefined if it does. One worker replays all, since each reads the bundle again. */
  const replayed = new Map<string, Error | undefined>();

  beforeAll(async () => {
    Runtime.install({ logger: new DefaultLogger('ERROR') });
    const options = { workflowBundle: await bundleWorkflows(), dataConverter };
    const histories = files.map(async (file) => ({ workflowId: file, history: await readHistory(file) }));
    for await (const { workflowId, error } of Worker.runReplayHistories(
      options,
      await Promise.all(histories),
    ))
      replayed.set(workflowId, error);
  });

  it('exist for every workflow, so that no change of its command order goes unnoticed', async () => {
    const saved = new Set<string>();
    for (const file of files) saved.add(workflowTypeOf(await readHistory(file)));
    expect([...saved].sort()).toEqual(Object.keys(workflows).sort());
  });

  it.each(files)('%s replays under the current code', (file) => {
    expect(replayed.has(file)).toBe(true);
    expect(replayed.get(file)).toBeUndefined();
  });

  it.each(livesRecorded)(
    'exist of a feed that is %s, so that a deployment cannot break such a feed unnoticed',
    async (life) => {
      const history = await readHistory(`bank-feed-${life.replaceAll('_', '-')}.json`);
      expect(workflowTypeOf(history)).toBe('bankFeedWorkflow');
      // A file's name proves nothing: the state that the feed showed to operators is in the history.
      if ((feedStates as readonly string[]).includes(life)) expect(statesShown(history)).toContain(life);
    },
  );

  it('do not replay when a command is added without a patch', async () => {
    await expectNoReplay('added command');
  });

  it('do not replay when an activity is renamed', async () => {
    await expectNoReplay('renamed activities');
  });

  it('replay when an activity is given a field more, as a deployment may', async () => {
    const widened = await bundleWorkflows('widened activities');
    const history = await readHistory('bank-feed-whole-life.json');
    await Worker.runReplayHistory({ workflowBundle: widened, dataConverter }, history);
  });

  async function expectNoReplay(change: WorkflowChange): Promise<void> {
    const history = await readHistory('bank-feed-whole-life.json');
    const replay = Worker.runReplayHistory(
      { workflowBundle: await bundleWorkflows(change), dataConverter },
      history,
    );
    await expect(replay).rejects.toThrow(DeterminismViolationError);
  }
});

/** Values of the search attribute `FeedState` in the order in which they were shown; they are plain text. */
function statesShown(history: SavedHistory): string[] {
  return history.events.flatMap((event) => {
    const fields = event.upsertWorkflowSearchAttributesEventAttributes?.searchAttributes.indexedFields;
    const data = fields?.[searchAttributeNames.feedState]?.data;
    return data === undefined ? [] : [JSON.parse(Buffer.from(data, 'base64').toString('utf8')) as string];
  });
}
