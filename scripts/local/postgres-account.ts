import { chown, readdir, lstat } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { LocalFailure } from './local-failure.js';
import { runCommand } from './run-command.js';

/** PostgreSQL refuses to run as root: how its programs are run here, and who has to own their data. */
export interface PostgresAccount {
  uid?: number;
  gid?: number;
  /** Put before the program and its arguments. */
  prefix: string[];
}

const CHECK_MS = 10_000;

/**
 * Chooses the account of the embedded PostgreSQL: our own, when we are not root; as root the system user `postgres`
 * (made when missing); and where that user cannot reach the files, because the clone lies under a folder of mode 0700
 * as root's home is, a user namespace of our own in which we are not root.
 *
 * @param input.program one of PostgreSQL's programs, to try with
 * @param input.folder the folder its data will lie in
 * @throws LocalFailure naming the path that cannot be reached
 */
export async function postgresAccount(input: { program: string; folder: string }): Promise<PostgresAccount> {
  if (userInfo().uid !== 0) return { prefix: [] };
  const user = await postgresUser();
  if (user !== undefined && (await canReach(input, user))) return { ...user, prefix: [] };
  const prefix = ['unshare', '--user', '--map-user=1000', '--map-group=1000'];
  const tried = await runCommand({
    command: 'unshare',
    args: [...prefix.slice(1), input.program, '--version'],
    timeoutMs: CHECK_MS,
  });
  if (tried.code === 0) return { prefix };
  throw new LocalFailure(
    `PostgreSQL does not run as root, and the user postgres cannot reach ${input.folder}: run as a normal user, or put the clone and LOCAL_DIR where every user may enter (chmod o+x on their parents).`,
  );
}

async function postgresUser(): Promise<{ uid: number; gid: number } | undefined> {
  const known = await idOfPostgres();
  if (known !== undefined) return known;
  await runCommand({ command: 'groupadd', args: ['--system', 'postgres'], timeoutMs: CHECK_MS });
  await runCommand({
    command: 'useradd',
    args: ['--system', '--gid', 'postgres', '--no-create-home', '--shell', '/usr/sbin/nologin', 'postgres'],
    timeoutMs: CHECK_MS,
  });
  return idOfPostgres();
}

async function idOfPostgres(): Promise<{ uid: number; gid: number } | undefined> {
  const [uid, gid] = await Promise.all(
    ['-u', '-g'].map(async (flag) => {
      const printed = await runCommand({ command: 'id', args: [flag, 'postgres'], timeoutMs: CHECK_MS });
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
    timeoutMs: CHECK_MS,
    ...user,
  });
  return checked.code === 0;
}

/**
 * Gives a folder and all in it to the account; nothing is written where the owner is right already. A folder comes
 * after its content, so that a walk cut short is done again.
 */
export async function giveTo(account: PostgresAccount, path: string): Promise<void> {
  if (userInfo().uid !== 0) return;
  // In the user namespace our own root appears as its user 1000.
  const uid = account.uid ?? 0;
  const gid = account.gid ?? 0;
  const found = await lstat(path);
  // A cluster has one owner: when its folder is right, its files are.
  if (found.uid === uid && found.gid === gid) return;
  if (found.isDirectory()) {
    for (const name of await readdir(path)) await giveTo(account, join(path, name));
  }
  await chown(path, uid, gid);
}
