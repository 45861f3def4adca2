import { expect, test } from 'vitest';
import { addressTable } from '../../scripts/local/address-table.js';
import type { RunningService } from '../../scripts/local/start-service.js';

const service: RunningService = {
  settings: {
    localDir: '.local',
    port: 8080,
    publicUrl: 'http://localhost:8080',
    temporalNamespace: 'default',
    temporalPort: 7233,
    temporalUiPort: 8233,
    postgresPort: 54320,
    sandboxPort: 8090,
  },
  tokens: { core: 'core', ops: 'ops', demoPassword: 'demo' },
  logs: '.local/logs',
  stop: () => Promise.resolve(),
};

test('the table of a local start shows every sandbox at its port', () => {
  const table = addressTable(service);
  expect(table).toMatch(/Rutter sandbox +http:\/\/localhost:8090$/m);
  expect(table).toMatch(/Banking Service sandbox +http:\/\/localhost:8091$/m);
  expect(table).toMatch(/Connect a bank in Sage \(sandbox\) +http:\/\/localhost:8092\/$/m);
});

test('the table shows no sandbox beside a real Rutter', () => {
  const settings = { ...service.settings, rutterApiUrl: 'https://production.rutterapi.com/versioned' };
  expect(addressTable({ ...service, settings })).not.toContain('sandbox');
});
