import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Connection } from '@temporalio/client';
import pg from 'pg';
import { afterEach, beforeEach, describe, expect, inject, test } from 'vitest';
import { startPostgres } from '../../scripts/local/postgres.js';
import type { RunningPostgres } from '../../scripts/local/postgres.js';
import { startTemporalDevServer, temporalAnswers } from '../../scripts/local/temporal-dev-server.js';
import '../support/provided.js';

let folder: string;
const running: { stop(): Promise<void> }[] = [];

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'bankfeeds-servers-'));
});

afterEach(async () => {
  for (const part of running.splice(0)) await part.stop();
  await rm(folder, { recursive: true, force: true });
});

describe('PostgreSQL', () => {
  const start = async (port = 0): Promise<RunningPostgres> => {
    const postgres = await startPostgres({ dataDir: join(folder, 'postgres'), port });
    running.push(postgres);
    return postgres;
  };

  async function query(postgres: RunningPostgres, text: string): Promise<unknown[]> {
    const client = new pg.Client({ connectionString: postgres.url });
    await client.connect();
    try {
      return (await client.query<Record<string, unknown>>(text)).rows;
    } finally {
      await client.end();
    }
  }

  test('keeps what was committed over a stop and over kill -9', async () => {
    const first = await start();
    expect(await query(first, 'SHOW fsync')).toEqual([{ fsync: 'on' }]);
    await query(first, 'CREATE TABLE kept AS SELECT 1 AS n');
    await first.stop();
    expect(await first.exited).toBe('ended with code 0');

    const second = await start();
    await query(second, 'INSERT INTO kept VALUES (2)');
    process.kill(second.identity.pid, 'SIGKILL');
    await second.exited;
    const third = await start();
    expect(third.adopted).toBe(false);
    expect(await query(third, 'SELECT n FROM kept ORDER BY n')).toEqual([{ n: 1 }, { n: 2 }]);
  });

  test('the server of a killed start is adopted on its port, and replaced where another port is asked', async () => {
    const orphan = await start();
    const adopted = await start();
    expect(adopted).toMatchObject({ adopted: true, port: orphan.port, identity: orphan.identity });
    const moved = await start(await otherPort(orphan.port));
    expect(moved.adopted).toBe(false);
    expect(await orphan.exited).toBe('ended with code 0');
    expect(await query(moved, 'SELECT 1 AS n')).toEqual([{ n: 1 }]);
  });

  test('a stale pid file with the number of another living program does not hinder a start', async () => {
    const first = await start();
    const pidFile = join(folder, 'postgres', 'cluster', 'postmaster.pid');
    const lines = (await readFile(pidFile, 'utf8')).split('\n');
    await first.stop();
    await writeFile(pidFile, [String(process.ppid), ...lines.slice(1)].join('\n'));
    const second = await start();
    expect(await query(second, 'SELECT 1 AS n')).toEqual([{ n: 1 }]);
  });

  test('a taken port is one sentence with the variable to change', async () => {
    const taken = await start();
    const second = startPostgres({ dataDir: join(folder, 'other'), port: taken.port });
    await expect(second).rejects.toThrow(`Port ${taken.port} for PostgreSQL is in use`);
  });
});

describe('the Temporal server', () => {
  test('keeps its workflows over kill -9, and ends when it is stopped', async () => {
    const input = {
      cliPath: inject('temporalCliPath'),
      port: 0,
      dbFile: join(folder, 'temporal', 'temporal.db'),
    };
    const first = await startTemporalDevServer(input);
    running.push(first);
    await withService(first.address, (service) =>
      service.startWorkflowExecution({
        namespace: 'default',
        workflowId: 'kept',
        requestId: 'once',
        workflowType: { name: 'anyWorkflow' },
        taskQueue: { name: 'any' },
      }),
    );
    process.kill(first.identity.pid, 'SIGKILL');
    expect(await first.exited).toBe('ended by SIGKILL');

    const second = await startTemporalDevServer({ ...input, namespaces: ['another'] });
    running.push(second);
    const found = await withService(second.address, (service) =>
      service.describeWorkflowExecution({ namespace: 'default', execution: { workflowId: 'kept' } }),
    );
    expect(found.workflowExecutionInfo?.execution?.workflowId).toBe('kept');
    await withService(second.address, (service) => service.describeNamespace({ namespace: 'another' }));
    await second.stop();
    expect(await temporalAnswers(second.address)).toBe(false);
  });

  test('a taken port is one sentence with the variable to change', async () => {
    const port = Number(inject('temporalAddress').split(':')[1]);
    const second = startTemporalDevServer({ cliPath: inject('temporalCliPath'), port });
    await expect(second).rejects.toThrow(`Port ${port} for Temporal is in use`);
  });

  async function withService<Answer>(
    address: string,
    ask: (service: Connection['workflowService']) => Promise<Answer>,
  ): Promise<Answer> {
    const connection = await Connection.connect({ address });
    try {
      return await ask(connection.workflowService);
    } finally {
      await connection.close();
    }
  }
});

async function otherPort(port: number): Promise<number> {
  const { freePort } = await import('../../scripts/local/free-port.js');
  for (;;) {
    const free = await freePort();
    if (free !== port) return free;
  }
}
