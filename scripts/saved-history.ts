import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import type { Client } from '@temporalio/client';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';

const folder = new URL('../test/replay/histories/', import.meta.url);

/**
 * Writes one run's history as `temporal workflow show --output json` does, to `test/replay/histories/<name>.json`.
 * The payloads stay encrypted as they are: use the key of `test/support/replay-key.ts`, and made-up data only.
 */
export async function saveHistory(input: {
  client: Client;
  workflowId: string;
  runId?: string;
  name: string;
}): Promise<string> {
  const handle = input.client.workflow.getHandle(input.workflowId, input.runId);
  const path = fileURLToPath(new URL(`${input.name}.json`, folder));
  // Hosts and process numbers do not belong into the repository: both fields hold them.
  const anonymous = (key: string, value: unknown) => {
    if (key === 'identity') return 'recorded';
    // The name of a worker's own queue, where it is not one of ours.
    const isStickyQueue = key === 'name' && typeof value === 'string' && value.includes('@');
    return isStickyQueue ? 'sticky' : value;
  };
  const pretty: unknown = JSON.parse(historyToJSON(await handle.fetchHistory()), anonymous);
  await writeFile(path, `${JSON.stringify(pretty, null, 1)}\n`);
  return path;
}
