import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startSageBankingSandbox } from '../../../sandbox/sage-banking/server.js';
import { freeSandboxPort } from '../../../scripts/local/start-settings.js';
import {
  application,
  APPLICATIONS,
  SIGNING_KEY,
  fill,
  makeAccount,
  makeRule,
  onboard,
  poll,
  readTransactions,
  rule,
  sessionAt,
  someTransactions,
  startLink,
  startSession,
  type Company,
  type OwnSession,
} from './session.js';

let folder: string;
let dataFile: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sage-sandbox-'));
  dataFile = join(folder, 'sage-banking.jsonl');
});
afterEach(() => rm(folder, { recursive: true }));

/** Listens on the previous port, so that its earlier URLs stay valid. */
async function again(before: OwnSession): Promise<OwnSession> {
  await before.close();
  return startSession({}, { dataFile, port: Number(new URL(before.url).port) });
}

describe('a sandbox of the Banking Service with a data file', () => {
  it('keeps tokens, accounts, transactions, rules, poll routes, nonces and the clock over a restart', async () => {
    const before = await startSession({}, { dataFile });
    await before.advance(-3_600_000);
    const company: Company = await onboard(before);
    const account = await makeAccount(before, company);
    await makeRule(before, company, account, rule([['$baseType', 'eq', 'debit']]));
    await fill(before, account, someTransactions(3));
    const link = await startLink(before, company);
    const read = await readTransactions(before, company, account);
    await before.call('GET', '/api/v1/banks', { headers: { 'x-application': null } });
    const { body: clock } = await before.control('GET', '/clock');

    const after = await again(before);
    expect((await readTransactions(after, company, account)).body).toEqual(read.body);
    expect((await poll(after, link.pollRoute)).status).toBe(202);
    expect((await poll(after, link.pollRoute)).status).toBe(410);
    expect((await after.control('GET', '/clock')).body.offset_ms).toBe(clock.offset_ms);
    expect(await after.violations()).toEqual(['unknown_application']);
    const repeated = await fill(after, account, someTransactions(1));
    expect(repeated.body.status).toBe('failed');
    await after.close();
  });

  it('finishes the reprocess run and the statement that it had accepted', async () => {
    const before = await startSession({ reprocessRunMs: 60_000, statementRunMs: 60_000 }, { dataFile });
    const company = await onboard(before);
    const account = await makeAccount(before, company);
    await fill(before, account, someTransactions(1));
    await before.advance(60_000);
    await makeRule(before, company, account, rule([['$baseType', 'eq', 'debit']]));
    const { token } = company;
    const path = `${account.path}/reprocesstransactions`;
    const run = await before.call('POST', path, { token, body: { transactionIds: [1] } });
    await fill(before, account, someTransactions(1, 'second'));

    const after = await again(before);
    expect((await after.call('GET', run.body.pollRoute, { token })).status).toBe(202);
    await after.advance(60_000);
    const done = await after.call('GET', run.body.pollRoute, { token });
    expect(done.body.transactions[0].predictedActions).toHaveLength(1);
    expect((await readTransactions(after, company, account)).body.bankTransactionList.total).toBe(2);
    await after.close();
  });

  it('removes an incomplete last line and refuses a damaged one', async () => {
    const before = await startSession({}, { dataFile });
    await onboard(before);
    await before.close();
    await appendFile(dataFile, '[{"put":"account"');
    const after = await startSession({}, { dataFile });
    expect((await after.control('GET', '/organisations')).body.organisations).toHaveLength(1);
    await after.close();
    await appendFile(dataFile, 'not json\n');
    const start = startSageBankingSandbox({ applications: APPLICATIONS, dataFile });
    await expect(start).rejects.toThrow('damaged at line');
  });
});

describe('the Banking Service’s sandbox in the process of all sandboxes', () => {
  let child: ChildProcess | undefined;
  afterEach(() => kill());

  async function kill(): Promise<void> {
    if (child?.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }

  async function startProcess(port: number): Promise<string> {
    child = spawn(process.execPath, ['--import', 'tsx', 'sandbox/main.ts'], {
      env: {
        ...process.env,
        SANDBOX_PORT: String(port),
        SANDBOX_DATA: folder,
        SAGE_APPLICATION_ID: application,
        SAGE_SIGNING_KEY: SIGNING_KEY,
      },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    for await (const line of createInterface(child.stdout!)) {
      return (JSON.parse(line) as { sage_banking: string }).sage_banking;
    }
    throw new Error('the sandboxes ended before they were ready');
  }

  it('listens on SANDBOX_PORT + 1, has the configured application, and loses nothing on kill -9', async () => {
    const port = await freeSandboxPort();
    const url = await startProcess(port);
    expect(url).toBe(`http://localhost:${port + 1}`);
    const company = await onboard(sessionAt(url));
    await kill();
    const after = sessionAt(await startProcess(port));
    const accounts = await after.call('GET', `${company.path}/bankaccounts`, { token: company.token });
    expect([accounts.status, accounts.body]).toEqual([200, { bankAccounts: [] }]);
    expect(await after.violations()).toEqual([]);
  });
});
