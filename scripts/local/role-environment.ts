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
  /** A file with an empty profile: the developer's own must not be used for the embedded server. */
  temporalProfile: string;
  sandboxData: string;
}

/** Variables that are changed here: ports given as 0, and lists to which the sandbox's origins are added. */
const changedVariables = ['PORT', 'SANDBOX_PORT', 'RUTTER_REDIRECT_ORIGINS', 'SAGE_FRAME_ANCESTORS'];

/** The origins of the sandboxes. */
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
 * The variables of every role under `npm start`: the given ones unchanged, and for the others those of the embedded parts
 * and the stored secrets. A role sees no difference from a deployment.
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
    const ours = changedVariables.includes(name);
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

/** The application that is registered at the sandbox, for both kinds of onboarding. */
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

/** For the embedded server, the TEMPORAL_… variables of another server are removed. */
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
