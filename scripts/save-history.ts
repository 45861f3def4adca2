// node --import tsx scripts/save-history.ts <workflow id> <name>: saves the newest run's history for the replay tests.
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
  // Who recorded it is nobody's business: hosts and process numbers stand in these fields.
  const anonymous = (key: string, value: unknown) => {
    if (key === 'identity') return 'recorded';
    return typeof value === 'string' && value.startsWith('bankfeeds@') ? 'sticky' : value;
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
