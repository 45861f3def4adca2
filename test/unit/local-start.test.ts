import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { demoPostings } from '../../scripts/local/demo-customer.js';
import { roleEnvironment } from '../../scripts/local/role-environment.js';
import type { LocalSecrets } from '../../scripts/local/secrets.js';
import { readStartSettings, requirePorts } from '../../scripts/local/start-settings.js';

const secrets: LocalSecrets = {
  encryptionKeys: 'kept-keys',
  coreApiToken: 'kept-core',
  opsApiToken: 'kept-ops',
  rutterClientId: 'kept-client',
  rutterClientSecret: 'kept-secret',
  demoPassword: 'kept-password',
  demoDay: '2026-02-03',
};

async function variables(environment: Record<string, string>): Promise<NodeJS.ProcessEnv> {
  return roleEnvironment({
    environment,
    settings: await readStartSettings(environment),
    secrets,
    databaseUrl: 'postgres://embedded',
    ...('TEMPORAL_ADDRESS' in environment ? {} : { temporalAddress: '127.0.0.1:7233' }),
    temporalProfile: '/empty',
    sandboxData: '/sandbox',
  });
}

test('a role finds the embedded parts where no variable names a real one', async () => {
  expect(await variables({})).toMatchObject({
    PORT: '8080',
    PUBLIC_URL: 'http://localhost:8080',
    DATABASE_URL: 'postgres://embedded',
    TEMPORAL_ADDRESS: '127.0.0.1:7233',
    ENCRYPTION_KEYS: 'kept-keys',
    CORE_API_TOKEN: 'kept-core',
    RUTTER_API_URL: 'http://localhost:8090/versioned',
    RUTTER_CLIENT_ID: 'kept-client',
    RUTTER_REDIRECT_ORIGINS: 'https://link.rutterapi.com,http://localhost:8090',
  });
});

test('a real Rutter gets no secret of the sandbox, and the sandbox’s origin is not trusted', async () => {
  const env = await variables({ RUTTER_API_URL: 'https://rutter.example', RUTTER_CLIENT_ID: 'real' });
  expect(env).toMatchObject({ RUTTER_API_URL: 'https://rutter.example', RUTTER_CLIENT_ID: 'real' });
  expect(env).not.toHaveProperty('RUTTER_CLIENT_SECRET');
  expect(env).not.toHaveProperty('RUTTER_REDIRECT_ORIGINS');
});

test('a secret given as a file is not given a second time, which a role would refuse', async () => {
  expect(await variables({ ENCRYPTION_KEYS_FILE: '/run/keys' })).not.toHaveProperty('ENCRYPTION_KEYS');
});

test('credentials for another Temporal server do not reach the embedded one, and a real one keeps all its own', async () => {
  const given = { TEMPORAL_API_KEY: 'cloud', TEMPORAL_TLS: 'true', TEMPORAL_PROFILE: 'prod' };
  const embedded = await variables(given);
  for (const name of Object.keys(given)) expect(embedded).not.toHaveProperty(name);
  const real = await variables({ ...given, TEMPORAL_ADDRESS: 'cloud.example:7233' });
  expect(real).toMatchObject({ ...given, TEMPORAL_ADDRESS: 'cloud.example:7233' });
});

test('the sandbox’s origins are added to those that were given', async () => {
  const env = await variables({
    RUTTER_REDIRECT_ORIGINS: 'https://one.example',
    SAGE_FRAME_ANCESTORS: 'https://two.example',
    SANDBOX_PORT: '9000',
  });
  expect(env['RUTTER_REDIRECT_ORIGINS']).toBe('https://one.example,http://localhost:9000');
  expect(env['SAGE_FRAME_ANCESTORS']).toBe('https://two.example,http://localhost:9000,http://localhost:9002');
});

test('a port that is no port, and a port in use, are named with the variable to change', async () => {
  await expect(readStartSettings({ PORT: '80a' })).rejects.toThrow(/^PORT must be a port/);
  const taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve));
  const { port } = taken.address() as AddressInfo;
  const settings = await readStartSettings({ PORT: String(port), SANDBOX_PORT: '0' });
  await expect(requirePorts(settings)).rejects.toThrow(
    new RegExp(`^Port ${port} .* set PORT to another port`),
  );
  taken.close();
});

test('a port of 0 becomes a free one', async () => {
  const settings = await readStartSettings({ PORT: '0', SANDBOX_PORT: '0' });
  expect(settings.port).toBeGreaterThan(0);
  expect(settings.publicUrl).toBe(`http://localhost:${settings.port}`);
  await requirePorts(settings);
});

test('the demo’s postings are the same at every start, so that the second start repeats none', () => {
  const account = { id: 'demo-current', days: 90 };
  const postings = demoPostings(account, '2026-02-03');
  expect(demoPostings(account, '2026-02-03')).toEqual(postings);
  expect(new Set(postings.map((posting) => posting.transaction_id)).size).toBe(90);
  expect(postings.at(-1)?.posted_at).toBe('2026-02-02T09:00:00.000Z');
  for (const posting of postings) expect(posting.amount).toMatch(/^-?\d+\.\d\d$/);
});
