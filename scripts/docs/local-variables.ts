export interface DescribedVariable {
  readonly name: string;
  readonly defaults: string;
  readonly description: string;
}

/** Variables that only scripts, sandboxes and tests read. A test finds those that are missing here. */
export const localVariables: readonly DescribedVariable[] = [
  { name: 'LOCAL_DIR', defaults: '`.local`', description: 'data of the embedded parts, kept secrets, logs' },
  { name: 'POSTGRES_PORT', defaults: '`54320`', description: 'port of the embedded PostgreSQL' },
  { name: 'TEMPORAL_PORT', defaults: '`7233`', description: 'port of the embedded Temporal server' },
  { name: 'TEMPORAL_UI_PORT', defaults: '`8233`', description: 'port of its UI' },
  {
    name: 'SANDBOX_PORT',
    defaults: '`8090`',
    description: "sandbox of Rutter; Sage's Banking Service and Sage's screens have the next two ports",
  },
  {
    name: 'SANDBOX_DATA',
    defaults: 'in memory; under `npm start` in `LOCAL_DIR`',
    description: 'folder of the data of the sandbox',
  },
  {
    name: 'LOGIN_URL',
    defaults: '`http://localhost:8080/login`',
    description: 'where the sandbox sends a login',
  },
  {
    name: 'WEBHOOK_URL',
    defaults: '`http://localhost:8080/webhooks/rutter`',
    description: 'where the sandbox sends webhooks',
  },
  { name: 'TEMPORAL_CLI_PATH', defaults: 'found or downloaded', description: 'the `temporal` executable' },
  {
    name: 'TEMPORAL_TEST_SERVER_PATH',
    defaults: 'found or downloaded',
    description: 'the time-skipping server of the tests',
  },
  { name: 'CHROME_PATH', defaults: 'found or downloaded', description: 'Chromium or Chrome of the tests' },
];

/** What `@temporalio/envconfig` reads; api and worker pass it on. */
export const temporalVariables: readonly DescribedVariable[] = [
  {
    name: 'TEMPORAL_ADDRESS',
    defaults: '`localhost:7233`; under `npm start` embedded',
    description: 'names a server that exists: none is started then',
  },
  { name: 'TEMPORAL_NAMESPACE', defaults: '`default`', description: 'namespace of the workflows' },
  { name: 'TEMPORAL_API_KEY', defaults: 'none', description: 'key of Temporal Cloud' },
  {
    name: 'TEMPORAL_TLS',
    defaults: 'as the address needs',
    description: 'with `TEMPORAL_TLS_CLIENT_CERT_PATH`, `TEMPORAL_TLS_CLIENT_KEY_PATH` and so on',
  },
];
