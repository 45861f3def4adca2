import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { DefaultLogger, Runtime, Worker, type WorkflowBundleWithSourceMap } from '@temporalio/worker';
import { beforeAll, describe, expect, it } from 'vitest';
import { parseKeyring } from '../../src/crypto/keyring.js';
import { createDataConverter } from '../../src/temporal/data-converter.js';
import * as workflows from '../../src/workflows/index.js';
import { replayKeys } from '../support/replay-key.js';
import { bundleWorkflows } from '../support/workflow-environment.js';

const folder = new URL('./histories/', import.meta.url);
const files = (await readdir(folder)).filter((file) => file.endsWith('.json')).sort();

interface SavedHistory {
  events: {
    eventType: string;
    workflowExecutionStartedEventAttributes?: { workflowType: { name: string }; workflowId?: string };
  }[];
}

async function readHistory(file: string): Promise<SavedHistory> {
  return JSON.parse(await readFile(fileURLToPath(new URL(file, folder)), 'utf8')) as SavedHistory;
}

function workflowTypeOf(history: SavedHistory): string {
  return history.events[0]?.workflowExecutionStartedEventAttributes?.workflowType.name ?? '';
}

describe('saved histories', () => {
  let workflowBundle: WorkflowBundleWithSourceMap;
  const keys = parseKeyring(replayKeys);
  if (!keys.ok) throw new Error('the replay key is unusable');
  const dataConverter = createDataConverter(keys.keyring);

  beforeAll(async () => {
    Runtime.install({ logger: new DefaultLogger('ERROR') });
    workflowBundle = await bundleWorkflows();
  });

  it('exist for every workflow, so that none can change its command order unseen', async () => {
    const saved = new Set<string>();
    for (const file of files) saved.add(workflowTypeOf(await readHistory(file)));
    expect([...saved].sort()).toEqual(Object.keys(workflows).sort());
  });

  it.each(files)('%s replays under the code of today', async (file) => {
    const history = await readHistory(file);
    await Worker.runReplayHistory({ workflowBundle, dataConverter }, history);
  });

  it('would not replay under another order of commands', async () => {
    const history = await readHistory('bank-feed-whole-life.json');
    const text = JSON.stringify(history).replaceAll('"rutterDeliverSlice"', '"rutterReadConnection"');
    await expect(
      Worker.runReplayHistory({ workflowBundle, dataConverter }, JSON.parse(text)),
    ).rejects.toThrow(/[Nn]ondeterminism|Activity/);
  });
});
