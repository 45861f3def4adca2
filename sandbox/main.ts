import { lookup } from 'node:dns/promises';
import { join } from 'node:path';
import { startRutterSandbox, type SandboxOptions } from './rutter/server.js';
import { startSageBankingSandbox, type SageBankingOptions } from './sage-banking/server.js';
import { startSageScreens } from './sage-screens/server.js';

/** Rutter listens on the first port, Sage's Banking Service on the next, Sage's screens on the third. */
const bankingPortOffset = 1;
const screensPortOffset = 2;
const defaultPort = 8090;
const portMax = 65_535 - screensPortOffset;
const PUBLIC_HOST = 'localhost';

interface Settings {
  port: number;
  screensPort: number;
  loginUrl: string;
  rutter: SandboxOptions;
  banking: SageBankingOptions;
}

/**
 * The sandboxes listen on the loopback address only. URLs contain localhost, like those of the service: where that name has
 * only the address of IPv6, they listen there.
 */
async function readListenHost(): Promise<string> {
  const addresses = await lookup(PUBLIC_HOST, { all: true }).catch(() => []);
  const found = addresses.map(({ address }) => address);
  return found.includes('::1') && !found.includes('127.0.0.1') ? '::1' : '127.0.0.1';
}

/** @throws Error with one sentence when a variable is wrong. */
function readSettings(environment: NodeJS.ProcessEnv, listenHost: string): Settings {
  const port = Number(environment['SANDBOX_PORT'] ?? defaultPort);
  if (!Number.isInteger(port) || port < 1 || port > portMax) {
    throw new Error(`SANDBOX_PORT must be a port number from 1 to ${portMax}`);
  }
  const screensPort = port + screensPortOffset;
  const screensOrigin = `http://${PUBLIC_HOST}:${screensPort}`;
  const dataFolder = environment['SANDBOX_DATA'];
  return {
    port,
    screensPort,
    loginUrl: environment['LOGIN_URL'] ?? 'http://localhost:8080/login',
    rutter: {
      port,
      host: listenHost,
      publicHost: PUBLIC_HOST,
      clientId: environment['RUTTER_CLIENT_ID'] ?? 'sandbox-client',
      clientSecret: environment['RUTTER_CLIENT_SECRET'] ?? 'sandbox-secret',
      webhookUrl: environment['WEBHOOK_URL'] ?? 'http://localhost:8080/webhooks/rutter',
      sageLandingUrl: `${screensOrigin}/landing`,
      linkOrigin: screensOrigin,
      ...(dataFolder === undefined || dataFolder === ''
        ? {}
        : { dataFile: join(dataFolder, 'rutter.jsonl') }),
    },
    banking: bankingOptions(environment, { port: port + bankingPortOffset, host: listenHost }),
  };
}

/** One application for both kinds of onboarding: signed requests (cloud), or the token service (desktop). */
function bankingOptions(
  environment: NodeJS.ProcessEnv,
  listenOn: { port: number; host: string },
): SageBankingOptions {
  const dataFolder = environment['SANDBOX_DATA'];
  return {
    port: listenOn.port,
    host: listenOn.host,
    publicHost: PUBLIC_HOST,
    applications: [
      {
        id: environment['SAGE_APPLICATION_ID'] ?? 'Sage.Sandbox.Bankfeeds',
        signingKey: environment['SAGE_SIGNING_KEY'] ?? 'sandbox-signing-key',
        desktop: true,
      },
    ],
    ...(dataFolder === undefined || dataFolder === ''
      ? {}
      : { dataFile: join(dataFolder, 'sage-banking.jsonl') }),
  };
}

async function main(): Promise<void> {
  // A full disk or a reader that has ended does not matter to the sandboxes.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
  const listenHost = await readListenHost();
  const settings = readSettings(process.env, listenHost);
  const rutter = await startRutterSandbox(settings.rutter);
  const banking = await startSageBankingSandbox(settings.banking);
  const screens = await startSageScreens({
    port: settings.screensPort,
    host: listenHost,
    publicHost: PUBLIC_HOST,
    rutterUrl: rutter.url,
    loginUrl: settings.loginUrl,
  });
  let stopping: Promise<void> | undefined;
  const stop = (): void => {
    // npm and a terminal both send a signal for one request.
    stopping ??= Promise.all([rutter.close(), banking.close(), screens.close()]).then(() => process.exit(0));
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  const ready = {
    sandbox: 'ready',
    rutter: rutter.url,
    rutter_api: rutter.apiUrl,
    sage_banking: banking.url,
    sage_screens: screens.url,
  };
  process.stdout.write(`${JSON.stringify(ready)}\n`);
}

function explain(error: unknown): string {
  const { code, port } = error as { code?: string; port?: number };
  if (code === 'EADDRINUSE') {
    return `Port ${String(port)} is in use: stop what listens there, or set SANDBOX_PORT to another port.`;
  }
  return error instanceof Error ? error.message : String(error);
}

main().catch((error: unknown) => {
  process.stderr.write(`${explain(error)}\n`);
  process.exit(1);
});
