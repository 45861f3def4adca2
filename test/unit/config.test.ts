import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  configurationExitCode,
  ConfigurationError,
  readApiConfig,
  readMigrateConfig,
  readTemporalEnvironment,
  readWorkerConfig,
} from '../../src/config.js';

const both = { DATABASE_URL: 'postgres://db.internal/bankfeeds', ENCRYPTION_KEYS: 'k1:material' };
const api = {
  ...both,
  CORE_API_TOKEN: 'core-token-of-24-letters',
  OPS_API_TOKEN: 'ops-token-of-24-letters!',
  RUTTER_CLIENT_SECRET: 'rs_1',
};
const worker = { ...both, RUTTER_CLIENT_ID: 'rc_1', RUTTER_CLIENT_SECRET: 'rs_1' };

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'config-test-'));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

function fileOf(name: string, content: string): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

function problemsOf(read: () => unknown): readonly string[] {
  try {
    read();
  } catch (error) {
    if (error instanceof ConfigurationError) return error.problems;
    throw error;
  }
  throw new Error('the configuration was taken');
}

const apiProblems = (change: Record<string, string>) =>
  problemsOf(() => readApiConfig({ ...api, ...change }));
const workerProblems = (change: Record<string, string>) =>
  problemsOf(() => readWorkerConfig({ ...worker, ...change }));

describe('what is missing', () => {
  it('is named completely, each once, in one go', () => {
    expect([...problemsOf(() => readApiConfig({}))].sort()).toEqual(
      ['CORE_API_TOKEN', 'DATABASE_URL', 'ENCRYPTION_KEYS', 'OPS_API_TOKEN', 'RUTTER_CLIENT_SECRET'].map(
        (name) => `${name}: is required`,
      ),
    );
    expect([...problemsOf(() => readWorkerConfig({}))].sort()).toEqual(
      ['DATABASE_URL', 'ENCRYPTION_KEYS', 'RUTTER_CLIENT_ID', 'RUTTER_CLIENT_SECRET'].map(
        (name) => `${name}: is required`,
      ),
    );
    expect(problemsOf(() => readMigrateConfig({}))).toEqual(['DATABASE_URL: is required']);
  });

  it('includes variables that are set to nothing, while optional ones fall back to their defaults', () => {
    expect(apiProblems({ OPS_API_TOKEN: '' })).toEqual(['OPS_API_TOKEN: is required']);
    expect(readApiConfig({ ...api, PORT: '', PUBLIC_URL: '', TRUSTED_PROXIES: '' })).toMatchObject({
      PORT: 8080,
      publicUrl: 'http://localhost:8080',
      TRUSTED_PROXIES: [],
    });
  });
});

describe('what is wrong', () => {
  it('is listed all at once, and no value of it is shown', () => {
    const change = {
      CORE_API_TOKEN: 'sesame-1',
      DATABASE_URL: 'mysql://user:sesame-2@db/x',
      LOG_LEVEL: 'sesame-3',
      PORT: 'sesame-4',
      PUBLIC_URL: 'sesame-5',
      RUTTER_REDIRECT_ORIGINS: 'sesame-6',
      SAGE_FRAME_ANCESTORS: 'sesame-7',
      TEMPORAL_UI_URL: 'sesame-8',
      TRUSTED_PROXIES: 'sesame-9',
    };
    const problems = apiProblems(change);
    const named = new Set(problems.map((problem) => problem.split(/[:.]/)[0]));
    expect([...named].sort()).toEqual(Object.keys(change).sort());
    const { message } = new ConfigurationError(problems);
    expect(message).not.toContain('sesame');
    for (const name of Object.keys(change)) expect(message).toContain(name);
  });

  it('in a list is reported with its position and the expected form', () => {
    const lists = { RUTTER_REDIRECT_ORIGINS: 'https://link.rutterapi.com, https://evil.example/path' };
    expect(apiProblems(lists)).toEqual([
      'RUTTER_REDIRECT_ORIGINS.1: must be an origin such as https://link.rutterapi.com',
    ]);
  });

  it.each([
    'https://link.rutterapi.com/path',
    'https://link.rutterapi.com/?x',
    'https://link.rutterapi.com/#x',
    'https://user@link.rutterapi.com',
    'https://LINK.rutterapi.com',
    'https://link.rutterapi.com:443',
    'link.rutterapi.com',
    'javascript:alert(1)',
    '*',
  ])('refuses %s as an origin that people may be sent to', (origin) => {
    expect(apiProblems({ RUTTER_REDIRECT_ORIGINS: origin })).toHaveLength(1);
    expect(workerProblems({ RUTTER_REDIRECT_ORIGINS: origin })).toHaveLength(1);
  });

  it.each([
    'http://feeds.example',
    'http://10.0.0.1',
    'http://localhost.example',
    'https://feeds.example/app',
    'ftp://x',
  ])(
    'refuses %s as the public address: the session cookie would be lost, or a path ignored',
    (PUBLIC_URL) => {
      expect(apiProblems({ PUBLIC_URL }).at(-1)).toMatch(/^PUBLIC_URL: must be https without a path/);
    },
  );

  it.each(['24', '1.5h', '-1h', '1h 5m', 'h', '5w', '1e3s', '24H'])('refuses the duration %s', (text) => {
    expect(workerProblems({ FEED_SYNC_INTERVAL: text })).toEqual([
      'FEED_SYNC_INTERVAL: must be a duration such as 30s, 15m, 9m30s or 24h',
    ]);
  });

  it.each(['0s', '999ms'])('refuses %s as an interval: workers would turn in circles', (text) => {
    expect(workerProblems({ FEED_SYNC_INTERVAL: text })).toEqual(['FEED_SYNC_INTERVAL: must be at least 1s']);
  });

  it('refuses a list that names nothing, which would refuse every webhook in silence', () => {
    expect(apiProblems({ RUTTER_WEBHOOK_SECRETS: ',' })).toEqual([
      'RUTTER_WEBHOOK_SECRETS: must name at least one',
    ]);
  });

  it.each(['-1', '65536', '80.5', 'http'])('refuses the port %s', (PORT) => {
    expect(apiProblems({ PORT })).toHaveLength(1);
  });
});

describe('what is right', () => {
  it('reads durations in milliseconds', () => {
    const config = readWorkerConfig({
      ...worker,
      FEED_SYNC_INTERVAL: '1d',
      FEED_ACTIVATION_POLL_MIN: '500ms',
      FEED_ACTIVATION_POLL_MAX: '15m',
      HANDOFF_OTP_LATEST: '9m30s',
    });
    expect(config).toMatchObject({
      FEED_SYNC_INTERVAL: 86_400_000,
      FEED_ACTIVATION_POLL_MIN: 500,
      FEED_ACTIVATION_POLL_MAX: 900_000,
      HANDOFF_OTP_LATEST: 570_000,
    });
  });

  it('has the documented defaults', () => {
    expect(readWorkerConfig(worker)).toMatchObject({
      LOG_LEVEL: 'info',
      RUTTER_API_URL: 'https://production.rutterapi.com/versioned',
      RUTTER_VERSION: '2024-08-31',
      RUTTER_PLATFORM: 'SAGE_BANK_FEEDS',
      RUTTER_REDIRECT_ORIGINS: ['https://link.rutterapi.com'],
      FEED_SYNC_INTERVAL: 86_400_000,
      FEED_ACTIVATION_POLL_MIN: 2_000,
      FEED_ACTIVATION_POLL_MAX: 900_000,
      HANDOFF_OTP_LATEST: 570_000,
      RUTTER_ACCOUNT_FACTS: 'all',
      RUTTER_START_DATE_FROM_OPENED_ON: false,
    });
  });

  it('takes one of the named choices for what Rutter is sent of an account, and nothing else', () => {
    const supported = { RUTTER_ACCOUNT_FACTS: 'supported', RUTTER_START_DATE_FROM_OPENED_ON: 'true' };
    expect(readWorkerConfig({ ...worker, ...supported })).toMatchObject({
      RUTTER_ACCOUNT_FACTS: 'supported',
      RUTTER_START_DATE_FROM_OPENED_ON: true,
    });
    expect(() => readWorkerConfig({ ...worker, RUTTER_ACCOUNT_FACTS: 'none' })).toThrow(
      /RUTTER_ACCOUNT_FACTS: must be one of all, supported/,
    );
    expect(() => readWorkerConfig({ ...worker, RUTTER_START_DATE_FROM_OPENED_ON: 'yes' })).toThrow(
      /RUTTER_START_DATE_FROM_OPENED_ON: /,
    );
  });

  it.each([
    ['https://feeds.example', 'https://feeds.example'],
    ['https://feeds.example:8443/', 'https://feeds.example:8443'],
    ['http://localhost:8080', 'http://localhost:8080'],
    ['http://127.0.0.1', 'http://127.0.0.1'],
    ['http://[::1]:8080', 'http://[::1]:8080'],
  ])('takes %s as the public address %s', (PUBLIC_URL, publicUrl) => {
    expect(readApiConfig({ ...api, PUBLIC_URL }).publicUrl).toBe(publicUrl);
  });

  it('splits lists at commas, without the white space and empty parts around them', () => {
    const origins = ' https://link.rutterapi.com/ ,,http://127.0.0.1:8090, ';
    expect(readWorkerConfig({ ...worker, RUTTER_REDIRECT_ORIGINS: origins }).RUTTER_REDIRECT_ORIGINS).toEqual(
      [...['https://link.rutterapi.com', 'http://127.0.0.1:8090']],
    );
  });

  it('cannot be changed afterwards', () => {
    for (const config of [readApiConfig(api), readWorkerConfig(worker), readMigrateConfig(both)]) {
      expect(() => Object.assign(config, { DATABASE_URL: 'postgres://elsewhere' })).toThrow(TypeError);
    }
  });

  it('holds nothing of the environment that it was not asked for', () => {
    expect(readMigrateConfig({ ...api, AWS_SECRET_ACCESS_KEY: 'x' })).toEqual({
      LOG_LEVEL: 'info',
      DATABASE_URL: both.DATABASE_URL,
    });
  });
});

describe('a secret in a file', () => {
  it('counts like the variable, without the line end of the file', () => {
    const { RUTTER_CLIENT_SECRET: _, ...rest } = worker;
    const path = fileOf('secret', 'rs_from_a_file\n');
    expect(readWorkerConfig({ ...rest, RUTTER_CLIENT_SECRET_FILE: path }).RUTTER_CLIENT_SECRET).toBe(
      'rs_from_a_file',
    );
  });

  it('is possible for every secret of both roles', () => {
    const inFiles = (values: Record<string, string>) =>
      Object.fromEntries(
        Object.entries(values).map(([name, value]) => [`${name}_FILE`, fileOf(`${name}.txt`, value)]),
      );
    expect(readApiConfig(inFiles(api))).toEqual(readApiConfig(api));
    expect(readWorkerConfig(inFiles(worker))).toEqual(readWorkerConfig(worker));
  });

  it('reaches the Temporal client too, which knows no such form', () => {
    const path = fileOf('key', 'temporal-key\n');
    expect(readTemporalEnvironment({ TEMPORAL_API_KEY_FILE: path })).toMatchObject({
      TEMPORAL_API_KEY: 'temporal-key',
    });
  });

  it('beside the variable is a problem: which one applies would be unclear', () => {
    const problems = apiProblems({ CORE_API_TOKEN_FILE: fileOf('token', 'another-token-of-24-letters') });
    expect(problems).toEqual(['CORE_API_TOKEN: set either CORE_API_TOKEN or CORE_API_TOKEN_FILE, not both']);
  });

  it('that holds nothing counts as absent', () => {
    const empty = fileOf('empty', '\n');
    const { CORE_API_TOKEN: _, ...rest } = api;
    expect(problemsOf(() => readApiConfig({ ...rest, CORE_API_TOKEN_FILE: empty }))).toEqual([
      'CORE_API_TOKEN: is required',
    ]);
    expect(
      readApiConfig({ ...api, RUTTER_WEBHOOK_SECRETS_FILE: empty }).RUTTER_WEBHOOK_SECRETS,
    ).toBeUndefined();
  });

  it('that cannot be read is named with the reason, but not with its text: it may be the secret itself', () => {
    const { CORE_API_TOKEN: _, ...rest } = api;
    const problems = problemsOf(() => readApiConfig({ ...rest, CORE_API_TOKEN_FILE: '/sesame' }));
    expect(problems).toContain('CORE_API_TOKEN_FILE: the file cannot be read (ENOENT)');
    expect(problems.join()).not.toContain('sesame');
  });
});

describe('a role with a configuration it cannot use', () => {
  const entries = [
    ['worker.ts', ['DATABASE_URL', 'ENCRYPTION_KEYS', 'RUTTER_CLIENT_ID', 'RUTTER_CLIENT_SECRET'], worker],
    [
      'src/api/server.ts',
      ['CORE_API_TOKEN', 'DATABASE_URL', 'ENCRYPTION_KEYS', 'OPS_API_TOKEN', 'RUTTER_CLIENT_SECRET'],
      api,
    ],
    ['src/db/migrate.ts', ['DATABASE_URL'], undefined],
  ] as const;

  it.each(entries)('%s names every required variable on stderr and ends with 78', async (entry, names) => {
    const ended = await run(entry, {});
    expect(ended).toMatchObject({ code: 78, stdout: '' });
    expect(
      ended.stderr
        .match(/^ {2}- [A-Z_]+(?=: is required$)/gm)
        ?.map((line) => line.slice(4))
        .sort(),
    ).toEqual(names);
  });

  it.each(entries.filter(([, , right]) => right !== undefined))(
    '%s ends with 78 for malformed ENCRYPTION_KEYS without showing them',
    async (entry, _, right) => {
      const ended = await run(entry, { ...right, ENCRYPTION_KEYS: 'k1:c2VzYW1l,sesame' });
      expect(ended).toMatchObject({ code: configurationExitCode, stdout: '' });
      expect(ended.stderr).toMatch(/^ENCRYPTION_KEYS: key 1: .+; key 2: /);
      expect(ended.stderr).not.toMatch(/c2VzYW1l|sesame/);
    },
  );
});

describe('a BANK_TIME_ZONE that is no IANA time zone', () => {
  const bad = { BANK_TIME_ZONE: 'Mars/Olympus', LOG_LEVEL: 'loud' };
  const localDir = join(tmpdir(), `never-made-${randomUUID()}`);
  const entries: [entry: string, right: Record<string, string>][] = [
    ['worker.ts', worker],
    ['src/api/server.ts', api],
    ['src/db/migrate.ts', { DATABASE_URL: both.DATABASE_URL }],
    ['scripts/start.ts', { LOCAL_DIR: localDir, PORT: '0', SANDBOX_PORT: '0' }],
  ];

  it.each(entries)('ends %s with 78 and the list of all problems', async (entry, right) => {
    const ended = await run(entry, { ...right, ...bad });
    expect(ended).toMatchObject({ code: configurationExitCode, stdout: '' });
    const [heading, ...problems] = ended.stderr.trimEnd().split('\n');
    expect(heading).toBe('The configuration cannot be used:');
    expect(problems.map((line) => line.slice(0, line.indexOf(':'))).sort()).toEqual([
      '  - BANK_TIME_ZONE',
      '  - LOG_LEVEL',
    ]);
    expect(ended.stderr).not.toMatch(/Mars|loud/);
    // Nothing is started, changed or removed before.
    expect(existsSync(localDir)).toBe(false);
  });
});

/** A role as its npm script starts it, with these variables alone. */
async function run(
  entry: string,
  env: Record<string, string>,
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, ['--import', 'tsx', entry], {
    cwd: fileURLToPath(new URL('../..', import.meta.url)),
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const texts = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (chunk: string) => (texts[name] += chunk));
  }
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, ...texts };
}

describe('the connection of a handoff', () => {
  it('needs Rutter Link where the platform is left to the customer', () => {
    expect(workerProblems({ RUTTER_PLATFORM: 'any' })).toEqual([
      'RUTTER_PLATFORM: any needs RUTTER_CONNECTION_MODE=link: only in Rutter Link can the customer choose the platform',
    ]);
    const link = { RUTTER_PLATFORM: 'any', RUTTER_CONNECTION_MODE: 'link' };
    expect(readWorkerConfig({ ...worker, ...link })).toMatchObject(link);
    expect(readApiConfig({ ...api, RUTTER_CONNECTION_MODE: 'link' }).RUTTER_CONNECTION_MODE).toBe('link');
    expect(workerProblems({ RUTTER_CONNECTION_MODE: 'Link' })).toHaveLength(1);
    expect(workerProblems({ RUTTER_PLATFORM: 'sage bank feeds' })).toHaveLength(1);
  });

  it('publishes 1 to 16 accounts at a time, 4 by default', () => {
    expect(readWorkerConfig(worker).RUTTER_PUBLISH_CONCURRENCY).toBe(4);
    for (const text of ['0', '17', '2.5', 'many']) {
      expect(workerProblems({ RUTTER_PUBLISH_CONCURRENCY: text })).toHaveLength(1);
    }
    expect(readWorkerConfig({ ...worker, RUTTER_PUBLISH_CONCURRENCY: '16' }).RUTTER_PUBLISH_CONCURRENCY).toBe(
      16,
    );
  });
});
