import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { commandLine, identifyProcess } from './process-identity.js';
import type { ProcessIdentity } from './process-identity.js';

/** A PostgreSQL server that a killed start left running on our data. */
export interface PostgresOrphan {
  identity: ProcessIdentity;
  port: number;
}

/**
 * Reads `postmaster.pid` of a cluster. The file is stale and removed if its process has ended or its process id now
 * belongs to another program: PostgreSQL would refuse to start if the id is in use. The caller holds the lock of
 * LOCAL_DIR, so no second start does this at the same time.
 *
 * @returns the server that runs on this cluster, if there is one
 */
export async function findPostgresOrphan(cluster: string): Promise<PostgresOrphan | undefined> {
  const file = join(cluster, 'postmaster.pid');
  const text = await readFile(file, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  const lines = text.split('\n');
  const pid = Number(lines[0]);
  const identity = pid > 0 ? await identifyProcess(pid) : undefined;
  // Its command line contains the cluster, which proves that it is our server and not a program with the same id.
  if (identity !== undefined && (await commandLine(pid)).includes(cluster)) {
    return { identity, port: Number(lines[3] ?? 0) };
  }
  await rm(file, { force: true });
  return undefined;
}
