import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { signChecks } from './domain/transaction-type.js';
import { describeFinding } from './domain/validation-message.js';
import { platformProblem, rutterVariables } from './config/rutter.js';
import { sageBankingVariables } from './config/sage-banking.js';
import { list, port, proxyNetwork, publicUrl, timeZone, token, webOrigin } from './config/value-types.js';

/**
 * The only reader of `process.env`. It reads everything that configures the service; the result is frozen and
 * handed on as an argument. A secret may come as `NAME` or, from a file, as `NAME_FILE`.
 */

/** The process ends with this code when its configuration is unusable (EX_CONFIG of sysexits.h). */
export const configurationExitCode = 78;

export const secretNames = [
  'DATABASE_URL',
  'TEMPORAL_API_KEY',
  'RUTTER_CLIENT_ID',
  'RUTTER_CLIENT_SECRET',
  'RUTTER_WEBHOOK_SECRETS',
  'SAGE_SIGNING_KEY',
  'ENCRYPTION_KEYS',
  'CORE_API_TOKEN',
  'OPS_API_TOKEN',
] as const;

/** Hosts that may frame the login pages (Banking Service documentation: the Sage products' own hosts). */
export const sageFrameAncestors =
  'https://*.sagebankdrive.com,https://*.sage.com,https://*.intacct.com,https://*.sageone.com';

/*
 * `meta` describes a variable for docs/configuration.md: `underNpmStart` says what `npm start` sets, `whenUnset` what
 * applies instead of an absent value.
 */
const shared = {
  LOG_LEVEL: z
    .enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'])
    .default('info')
    .meta({ description: 'level of the JSON lines on stdout' }),
  DATABASE_URL: z
    .string()
    .regex(/^postgres(ql)?:\/\//, 'must be a postgres:// URL')
    .meta({ description: '`postgres://…`', underNpmStart: 'embedded' }),
  ENCRYPTION_KEYS: z.string().min(1).meta({
    description: '`keyid:base64(32 bytes)`, comma-separated; the first encrypts, all decrypt',
    underNpmStart: 'created and kept',
  }),
  BANK_TIME_ZONE: timeZone.optional().meta({
    description:
      'IANA time zone of accounts that have none, and neither has their customer; also for `migrate`',
    whenUnset: 'the day as written in `posted_at`',
  }),
};

export const apiSchema = z.object({
  ...shared,
  PORT: port.default(8080).meta({ description: 'where API and pages listen' }),
  PUBLIC_URL: publicUrl.optional().meta({
    description: 'the origin that browsers see; https, except on localhost',
    whenUnset: '`http://localhost:$PORT`',
  }),
  CORE_API_TOKEN: token.meta({
    description: 'bearer token of core banking, at least 24 characters',
    underNpmStart: 'created and printed',
  }),
  OPS_API_TOKEN: token.meta({
    description: 'bearer token of operators, at least 24 characters',
    underNpmStart: 'created and printed',
  }),
  RUTTER_CLIENT_SECRET: rutterVariables.RUTTER_CLIENT_SECRET,
  RUTTER_WEBHOOK_SECRETS: list(z.string().min(1)).optional().meta({
    description: 'keys of webhook signatures, comma-separated, for rotation',
    whenUnset: 'the client secret',
  }),
  RUTTER_REDIRECT_ORIGINS: rutterVariables.RUTTER_REDIRECT_ORIGINS,
  RUTTER_CONNECTION_MODE: rutterVariables.RUTTER_CONNECTION_MODE,
  SAGE_FRAME_ANCESTORS: list(z.string().regex(/^https?:\/\/[^\s;,'"]+$/))
    .prefault(sageFrameAncestors)
    .meta({ description: 'hosts that may show the login in a frame, comma-separated' }),
  SAGE_BANKING_URL: sageBankingVariables.SAGE_BANKING_URL,
  TEMPORAL_UI_URL: webOrigin
    .default('http://localhost:8233')
    .meta({ description: 'the one origin that may ask `/codec` to decode' }),
  TRUSTED_PROXIES: list(proxyNetwork)
    .default([])
    .meta({ description: 'addresses or networks whose `X-Forwarded-*` is believed, comma-separated' }),
  SIGN_CHECK: z.enum(signChecks).default('reject').meta({
    description:
      'a posting whose sign contradicts its type is rejected, or with `warn` accepted, counted and shown',
  }),
});

export const workerSchema = z
  .object({
    ...shared,
    ...rutterVariables,
    ...sageBankingVariables,
  })
  .superRefine((config, context) => {
    const problem = platformProblem(config);
    if (problem !== null) context.addIssue({ code: 'custom', path: ['RUTTER_PLATFORM'], message: problem });
    if (config.SAGE_BANKING_URL === undefined || config.SAGE_APPLICATION_ID !== undefined) return;
    context.addIssue({ code: 'custom', path: ['SAGE_APPLICATION_ID'], message: 'is required' });
  });

export const migrateSchema = z.object({
  LOG_LEVEL: shared.LOG_LEVEL,
  DATABASE_URL: shared.DATABASE_URL,
  BANK_TIME_ZONE: shared.BANK_TIME_ZONE,
});

/** Every variable of the roles. */
export const variableNames: readonly string[] = [
  ...new Set([apiSchema, workerSchema, migrateSchema].flatMap(({ shape }) => Object.keys(shape))),
];

/** What a remote command of `bankfeeds` needs. */
const cliSchema = z.object({
  PORT: apiSchema.shape.PORT,
  PUBLIC_URL: apiSchema.shape.PUBLIC_URL,
  OPS_API_TOKEN: apiSchema.shape.OPS_API_TOKEN,
});

export type ApiConfig = Readonly<z.output<typeof apiSchema>> & { readonly publicUrl: string };
export type WorkerConfig = Readonly<z.output<typeof workerSchema>>;
export type MigrateConfig = Readonly<z.output<typeof migrateSchema>>;
export type CliConfig = Readonly<z.output<typeof cliSchema>> & { readonly publicUrl: string };

/** All problems of a configuration at once, one line each. Values are never shown: they may be secrets. */
export class ConfigurationError extends Error {
  constructor(readonly problems: readonly string[]) {
    super(`The configuration cannot be used:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`);
    this.name = 'ConfigurationError';
  }
}

type Environment = Readonly<Record<string, string | undefined>>;

/** An empty value counts as absent. `NAME_FILE` replaces `NAME`; setting both is a problem. */
function readSecretFiles(environment: Environment, problems: string[]): Record<string, string> {
  const values: Record<string, string> = {};
  for (const [name, value] of Object.entries(environment)) {
    if (value !== undefined && value !== '') values[name] = value;
  }
  for (const name of secretNames) {
    const path = values[`${name}_FILE`];
    if (path === undefined) continue;
    if (values[name] !== undefined) problems.push(`${name}: set either ${name} or ${name}_FILE, not both`);
    try {
      const text = readFileSync(path, 'utf8').trim();
      if (text !== '') values[name] = text;
    } catch (error) {
      // The error's message contains the path, which may be the secret itself, entered by mistake: only the code is shown.
      const code = String((error as NodeJS.ErrnoException).code);
      problems.push(`${name}_FILE: the file cannot be read (${code})`);
    }
  }
  return values;
}

function parse<T>(schema: z.ZodType<T>, environment: Environment): T {
  const problems: string[] = [];
  const values = readSecretFiles(environment, problems);
  const result = schema.safeParse(values, { error: describeFinding });
  if (!result.success) {
    for (const issue of result.error.issues) {
      const name = issue.path.join('.');
      // Inside a list the path continues with the item's index: the variable itself is then set, and its value is wrong.
      const missing = values[String(issue.path[0])] === undefined;
      problems.push(`${name}: ${missing ? 'is required' : issue.message}`);
    }
  }
  if (problems.length > 0 || !result.success) throw new ConfigurationError(problems);
  return Object.freeze(result.data);
}

/** The configuration of the API process. @throws {ConfigurationError} with every problem at once */
export function readApiConfig(environment: Environment = process.env): ApiConfig {
  return withPublicUrl(parse(apiSchema, environment));
}

/** The configuration of a remote command. @throws {ConfigurationError} with every problem at once */
export function readCliConfig(environment: Environment): CliConfig {
  return withPublicUrl(parse(cliSchema, environment));
}

function withPublicUrl<Config extends { PUBLIC_URL?: string | undefined; PORT: number }>(config: Config) {
  const publicUrl = new URL(config.PUBLIC_URL ?? `http://localhost:${config.PORT}`).origin;
  return Object.freeze({ ...config, publicUrl });
}

/** The configuration of a worker process. @throws {ConfigurationError} with every problem at once */
export function readWorkerConfig(environment: Environment = process.env): WorkerConfig {
  return parse(workerSchema, environment);
}

/** The configuration of the migration. @throws {ConfigurationError} with every problem at once */
export function readMigrateConfig(environment: Environment = process.env): MigrateConfig {
  return parse(migrateSchema, environment);
}

/**
 * The variables that `@temporalio/envconfig` reads, with `TEMPORAL_API_KEY_FILE` resolved, which it does not support.
 * @throws {ConfigurationError}
 */
export function readTemporalEnvironment(environment: Environment = process.env): Record<string, string> {
  const problems: string[] = [];
  const values = readSecretFiles(environment, problems);
  if (problems.length > 0) throw new ConfigurationError(problems);
  return values;
}

/** Reads a configuration or ends the process: problems on stderr, exit code 78. */
export function configOrExit<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exit(configurationExitCode);
  }
}
