import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { commandLine, identifyProcess } from './process-identity.js';
import type { ProcessIdentity } from './process-identity.js';

/** A PostgreSQL that a dead start left running on our data. */
export interface PostgresOrphan {
  identity: ProcessIdentity;
  port: number;
}

/**
 * Reads `postmaster.pid` of a cluster. A file whose process is gone, or whose number belongs to another program by
 * now, is stale and removed: PostgreSQL would refuse to start on it when the number is taken. The caller holds the
 * lock of LOCAL_DIR, so no second start checks the same time.
 *
 * @returns the server that runs on this cluster, if one does
 */
export async function findPostgresOrphan(cluster: string): Promise<PostgresOrphan | undefined> {
  const file = join(cluster, 'postmaster.pid');
  const text = await readFile(file, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  const lines = text.split('\n');
  const pid = Number(lines[0]);
  const identity = pid > 0 ? await identifyProcess(pid) : undefined;
  // Its command line names the cluster: the proof that it is our server and not a stranger with the same number.
  if (identity !== undefined && (await commandLine(pid)).includes(cluster)) {
    return { identity, port: Number(lines[3] ?? 0) };
  }
  await rm(file, { force: true });
  return undefined;
}
