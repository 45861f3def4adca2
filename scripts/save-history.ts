/*
 * Saved histories for the replay tests (`test/replay/histories`).
 *
 * All of them: `npm run histories` runs the workflow tests that record them (`test/workflows/recorded-histories.test.ts`,
 * `feed-histories.test.ts`, `rutter/bank-feed.test.ts`) and replaces the files. Only for a new workflow or patch: once
 * something is released, the file of an older history stays, since its runs still have to be replayed.
 *
 * One of a running server: `node --import tsx scripts/save-history.ts <workflow id> <name>` saves the newest run.
 */
import { Client, Connection } from '@temporalio/client';
import { loadClientConnectConfig } from '@temporalio/envconfig';
import { saveHistory } from './saved-history.js';

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
