import { chmod, mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { localEnvironmentFile, readCommandEnvironment } from '../../src/cli/environment.js';
import { writeRoleEnvironment } from '../../scripts/local/role-environment-file.js';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'bankfeeds-cli-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

const roles = {
  DATABASE_URL: 'postgres://local',
  OPS_API_TOKEN: 'o'.repeat(24),
  TEMPORAL_ADDRESS: '127.0.0.1:1',
  RUTTER_CLIENT_SECRET_FILE: 'secrets/rutter',
  AWS_SECRET_ACCESS_KEY: 'of the developer',
  EMPTY: '',
};

describe('the variables of a command', () => {
  test('without an installation in the environment those of npm start count, in .local or LOCAL_DIR', async () => {
    for (const [localDir, environment] of [
      [join(root, '.local'), {}],
      [join(root, 'other'), { LOCAL_DIR: 'other' }],
      [join(root, 'third'), { LOCAL_DIR: join(root, 'third') }],
    ] as const) {
      await writeRoleEnvironment(localDir, roles);
      const read = await readCommandEnvironment({ environment, root });
      expect(read.localFile).toBe(join(localDir, localEnvironmentFile));
      expect(read.variables).toMatchObject({ DATABASE_URL: 'postgres://local' });
    }
  });

  test('nothing of npm start is mixed into an environment that names an installation', async () => {
    await writeRoleEnvironment(join(root, '.local'), roles);
    for (const name of ['DATABASE_URL', 'DATABASE_URL_FILE', 'TEMPORAL_ADDRESS', 'PUBLIC_URL']) {
      const environment = { [name]: 'x' };
      expect(await readCommandEnvironment({ environment, root })).toEqual({
        variables: environment,
        localFile: null,
      });
    }
  });

  test('without npm start the environment is used as it is', async () => {
    expect(await readCommandEnvironment({ environment: { A: '1' }, root })).toEqual({
      variables: { A: '1' },
      localFile: null,
    });
  });

  test.each(['not JSON', '[1]', '{"DATABASE_URL": 5}'])(
    'a damaged file of npm start is named, not passed over: %s',
    async (text) => {
      await mkdir(join(root, '.local', 'run'), { recursive: true });
      await writeFile(join(root, '.local', localEnvironmentFile), text);
      await expect(readCommandEnvironment({ environment: {}, root })).rejects.toMatchObject({
        exitCode: 78,
        message: expect.stringContaining('npm start'),
      });
    },
  );

  test("npm start writes the service's variables only, for the current user only, whatever the umask", async () => {
    const umask = process.umask(0);
    try {
      await writeRoleEnvironment(root, roles);
      const path = join(root, localEnvironmentFile);
      await chmod(path, 0o666);
      await writeRoleEnvironment(root, roles);
      expect((await stat(path)).mode & 0o777).toBe(0o600);
    } finally {
      process.umask(umask);
    }
    const { variables } = await readCommandEnvironment({ environment: { LOCAL_DIR: root }, root });
    expect(variables).not.toHaveProperty('AWS_SECRET_ACCESS_KEY');
    expect(variables).not.toHaveProperty('EMPTY');
    // A command may run in another folder.
    expect(variables['RUTTER_CLIENT_SECRET_FILE']).toMatch(/^\/.*secrets\/rutter$/);
  });
});
