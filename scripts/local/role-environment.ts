import { sageFrameAncestors } from '../../src/config.js';
import type { LocalSecrets } from './secrets.js';
import type { StartSettings } from './start-settings.js';

export interface RoleEnvironmentInput {
  environment: Readonly<NodeJS.ProcessEnv>;
  settings: StartSettings;
  secrets: LocalSecrets;
  /** Absent when DATABASE_URL names a real one. */
  databaseUrl?: string;
  /** Absent when TEMPORAL_ADDRESS names a real one. */
  temporalAddress?: string;
  temporalUiUrl?: string;
  /** A file with an empty profile: the developer's own must not reach the embedded server. */
  temporalProfile: string;
  sandboxData: string;
}

/** Ports may have been 0, and to the lists that were given the sandbox's origins are added. */
const COMPLETED_HERE = ['PORT', 'SANDBOX_PORT', 'RUTTER_REDIRECT_ORIGINS', 'SAGE_FRAME_ANCESTORS'];

/** Where the sandboxes listen. */
export function sandboxOrigins(settings: StartSettings): {
  rutter: string;
  banking: string;
  screens: string;
} {
  return {
    rutter: `http://localhost:${settings.sandboxPort}`,
    banking: `http://localhost:${settings.sandboxPort + 1}`,
    screens: `http://localhost:${settings.sandboxPort + 2}`,
  };
}

/**
 * The variables of every role under `npm start`: ours as they are, and for what they leave open the embedded parts
 * and the kept secrets. A role cannot tell it from a deployment.
 */
export function roleEnvironment(input: RoleEnvironmentInput): NodeJS.ProcessEnv {
  const { environment, settings, secrets } = input;
  const made: Record<string, string | undefined> = {
    PORT: String(settings.port),
    PUBLIC_URL: settings.publicUrl,
    DATABASE_URL: input.databaseUrl,
    ENCRYPTION_KEYS: secrets.encryptionKeys,
    CORE_API_TOKEN: secrets.coreApiToken,
    OPS_API_TOKEN: secrets.opsApiToken,
    TEMPORAL_UI_URL: input.temporalUiUrl,
    ...(settings.rutterApiUrl === undefined ? sandboxVariables(input) : {}),
  };
  const result: NodeJS.ProcessEnv = { ...withoutForeignTemporal(input) };
  for (const [name, value] of Object.entries(made)) {
    const ours = COMPLETED_HERE.includes(name);
    const given = environment[name] || environment[`${name}_FILE`];
    if (value !== undefined && (ours || !given)) result[name] = value;
  }
  return result;
}

function sandboxVariables(input: RoleEnvironmentInput): Record<string, string> {
  const { environment, settings, secrets } = input;
  const { rutter, banking, screens } = sandboxOrigins(settings);
  const redirects = environment['RUTTER_REDIRECT_ORIGINS'] || 'https://link.rutterapi.com';
  const ancestors = environment['SAGE_FRAME_ANCESTORS'] || sageFrameAncestors;
  return {
    RUTTER_API_URL: `${rutter}/versioned`,
    RUTTER_CLIENT_ID: secrets.rutterClientId,
    RUTTER_CLIENT_SECRET: secrets.rutterClientSecret,
    RUTTER_REDIRECT_ORIGINS: [redirects, rutter].join(','),
    SAGE_FRAME_ANCESTORS: [ancestors, rutter, screens].join(','),
    ...(environment['SAGE_BANKING_URL'] ? {} : sageVariables(banking)),
    SANDBOX_PORT: String(settings.sandboxPort),
    SANDBOX_DATA: input.sandboxData,
    LOGIN_URL: `${settings.publicUrl}/login`,
    WEBHOOK_URL: `${settings.publicUrl}/webhooks/rutter`,
  };
}

/** The product that the sandbox knows: it may onboard both ways. */
function sageVariables(origin: string): Record<string, string> {
  return {
    SAGE_BANKING_URL: origin,
    SAGE_AUTH_URL: origin,
    SAGE_TOKEN_SERVICE_URL: origin,
    SAGE_APPLICATION_ID: 'Sage.Sandbox.Bankfeeds',
    SAGE_SIGNING_KEY: 'sandbox-signing-key',
    SAGE_PROVIDER: 'sandbox.bankfeeds',
  };
}

/** For the embedded server every TEMPORAL_… variable of ours, made for another one, is dropped. */
function withoutForeignTemporal(input: RoleEnvironmentInput): NodeJS.ProcessEnv {
  if (input.temporalAddress === undefined) return input.environment;
  const kept = Object.entries(input.environment).filter(
    ([name]) => !name.startsWith('TEMPORAL_') || name === 'TEMPORAL_UI_URL',
  );
  return {
    ...Object.fromEntries(kept),
    TEMPORAL_ADDRESS: input.temporalAddress,
    TEMPORAL_NAMESPACE: input.settings.temporalNamespace,
    TEMPORAL_CONFIG_FILE: input.temporalProfile,
  };
}
