// Run as a child by fetch-with-sdk.ts: artifact, version, folder. Downloads by starting the server once and ending it.
import { TestWorkflowEnvironment } from '@temporalio/testing';

const [artifact, version, downloadDir] = process.argv.slice(2);
if (version === undefined || downloadDir === undefined) throw new Error('usage: artifact version folder');

const server = { executable: { type: 'cached-download' as const, downloadDir, version } };
const environment =
  artifact === 'cli'
    ? await TestWorkflowEnvironment.createLocal({ server })
    : await TestWorkflowEnvironment.createTimeSkipping({ server });
await environment.teardown();
