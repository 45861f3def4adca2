import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { DeterminismViolationError } from '@temporalio/workflow';
import { DefaultLogger, Runtime, Worker, type WorkflowBundle } from '@temporalio/worker';
import { beforeAll, describe, expect, it } from 'vitest';
import { feedStates } from '../../src/domain/feed.js';
import { searchAttributeNames } from '../../src/domain/search-attributes.js';
import * as workflows from '../../src/workflows/index.js';
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
  let workflowBundle: WorkflowBundle;
  const dataConverter = createReplayConverter();

  beforeAll(async () => {
    Runtime.install({ logger: new DefaultLogger('ERROR') });
    workflowBundle = await bundleWorkflows();
  });

  it('exist for every workflow, so that no change of its command order goes unnoticed', async () => {
    const saved = new Set<string>();
    for (const file of files) saved.add(workflowTypeOf(await readHistory(file)));
    expect([...saved].sort()).toEqual(Object.keys(workflows).sort());
  });

  it.each(files)('%s replays under the current code', async (file) => {
    const history = await readHistory(file);
    await Worker.runReplayHistory({ workflowBundle, dataConverter }, history);
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
    await expectNoReplay({ workflows: './changed-workflows.ts' });
  });

  it('do not replay when an activity is renamed', async () => {
    await expectNoReplay({ interceptors: './renamed-activities.ts' });
  });

  it('replay when an activity is given a field more, as a deployment may', async () => {
    const widened = await bundleWorkflows({ interceptors: './widened-activities.ts' });
    const history = await readHistory('bank-feed-whole-life.json');
    await Worker.runReplayHistory({ workflowBundle: widened, dataConverter }, history);
  });

  async function expectNoReplay(changed: Parameters<typeof bundleWorkflows>[0]): Promise<void> {
    const history = await readHistory('bank-feed-whole-life.json');
    const replay = Worker.runReplayHistory(
      { workflowBundle: await bundleWorkflows(changed), dataConverter },
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
