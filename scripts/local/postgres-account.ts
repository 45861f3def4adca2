import { chown, readdir, lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { LocalFailure } from './local-failure.js';
import { runCommand } from './run-command.js';

/** PostgreSQL refuses to run as root: how its programs are run, and the owner of their data. */
export interface PostgresAccount {
  uid?: number;
  gid?: number;
  /** Prepended to the program and its arguments. */
  prefix: string[];
}

const checkMs = 10_000;
const nobodyUid = 65_534;

/**
 * Chooses the user of the embedded PostgreSQL: the current user, unless it is root; for root the system user `postgres`
 * (created if missing); and if that user cannot reach the files, because a parent folder has mode 0700 like root's home,
 * a user namespace in which we are not root.
 *
 * @param input.program one of PostgreSQL's programs, for a test run
 * @param input.folder the folder of its data
 * @throws LocalFailure naming the path that cannot be reached
 */
export async function postgresAccount(input: { program: string; folder: string }): Promise<PostgresAccount> {
  const uid = process.getuid?.();
  if (uid !== 0) return (await hasName()) ? { prefix: [] } : accountWithName(input, uid);
  const user = await postgresUser();
  if (user !== undefined && (await canReach(input, user))) return { ...user, prefix: [] };
  const prefix = await namespacePrefix(input.program, 1_000);
  if (prefix !== undefined) return { prefix };
  throw new LocalFailure(
    `PostgreSQL does not run as root, and the user postgres cannot reach ${input.folder}: run as a normal user, or put the clone and LOCAL_DIR where every user may enter (chmod o+x on their parents).`,
  );
}

/** initdb asks for the name of the current user, which a container with a user id of its own does not have. */
async function hasName(): Promise<boolean> {
  return (await runCommand({ command: 'id', args: ['-un'], timeoutMs: checkMs })).code === 0;
}

/** A user namespace in which we are `nobody`, whom every system knows. */
async function accountWithName(
  input: { program: string },
  uid: number | undefined,
): Promise<PostgresAccount> {
  const prefix = await namespacePrefix(input.program, nobodyUid);
  if (prefix !== undefined) return { prefix };
  throw new LocalFailure(
    `PostgreSQL needs a name for its user, and user ${String(uid)} has no entry in /etc/passwd: add one, run as another user, or set DATABASE_URL.`,
  );
}

/** The command that runs a program under another user id of a user namespace; undefined where that is not allowed. */
async function namespacePrefix(program: string, id: number): Promise<string[] | undefined> {
  const prefix = ['unshare', '--user', `--map-user=${id}`, `--map-group=${id}`];
  const args = [...prefix.slice(1), program, '--version'];
  const tried = await runCommand({ command: 'unshare', args, timeoutMs: checkMs });
  return tried.code === 0 ? prefix : undefined;
}

async function postgresUser(): Promise<{ uid: number; gid: number } | undefined> {
  const known = await idOfPostgres();
  if (known !== undefined) return known;
  await runCommand({ command: 'groupadd', args: ['--system', 'postgres'], timeoutMs: checkMs });
  await runCommand({
    command: 'useradd',
    args: ['--system', '--gid', 'postgres', '--no-create-home', '--shell', '/usr/sbin/nologin', 'postgres'],
    timeoutMs: checkMs,
  });
  return idOfPostgres();
}

async function idOfPostgres(): Promise<{ uid: number; gid: number } | undefined> {
  const [uid, gid] = await Promise.all(
    ['-u', '-g'].map(async (flag) => {
      const printed = await runCommand({ command: 'id', args: [flag, 'postgres'], timeoutMs: checkMs });
      return printed.code === 0 ? Number(printed.stdout.trim()) : undefined;
    }),
  );
  return uid === undefined || gid === undefined ? undefined : { uid, gid };
}

async function canReach(
  input: { program: string; folder: string },
  user: { uid: number; gid: number },
): Promise<boolean> {
  const checked = await runCommand({
    command: 'sh',
    args: ['-c', 'cd "$2" && "$1" --version', 'sh', input.program, input.folder],
    cwd: '/',
    timeoutMs: checkMs,
    ...user,
  });
  return checked.code === 0;
}

/**
 * Makes the account the owner of a folder and its content; a correct owner is left unchanged. A folder follows its
 * content, so that an interrupted run is repeated.
 */
export async function giveTo(account: PostgresAccount, path: string): Promise<void> {
  if (process.getuid?.() !== 0) return;
  // In the user namespace root appears as user 1000.
  const uid = account.uid ?? 0;
  const gid = account.gid ?? 0;
  const found = await lstat(path);
  // A cluster has one owner: if its folder is correct, its files are too.
  if (found.uid === uid && found.gid === gid) return;
  if (found.isDirectory()) {
    for (const name of await readdir(path)) await giveTo(account, join(path, name));
  }
  await chown(path, uid, gid);
}
