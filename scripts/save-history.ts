/*
 * Saved histories for the replay tests (`test/replay/histories`).
 *
 * All of them: `npm run histories` runs the workflow tests that record them (`test/workflows/recorded-histories.test.ts`,
 * `feed-histories.test.ts`, `rutter/bank-feed.test.ts`) and replaces the files. Only for a new workflow or patch: once
 * something is released, the file of an older history stays, since its runs still have to be replayed.
 *
 * One of a running server: `node --import tsx scripts/save-history.ts <workflow id> <name>` saves the newest run.
 */
import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { Client, Connection } from '@temporalio/client';
import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import { loadClientConnectConfig } from '@temporalio/envconfig';

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

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [workflowId, name] = process.argv.slice(2);
  if (workflowId === undefined || name === undefined || !/^[a-z0-9-]+$/.test(name)) {
    process.stderr.write('usage: save-history.ts <workflow id> <name of letters, digits and dashes>\n');
    process.exit(2);
  }
  const temporal = loadClientConnectConfig();
  const connection = await Connection.connect(temporal.connectionOptions);
  const client = new Client({ connection, namespace: temporal.namespace ?? 'default' });
  process.stdout.write(`${await saveHistory({ client, workflowId, name })}\n`);
  await connection.close();
}
