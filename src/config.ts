import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { z } from 'zod';

/**
 * The only reader of `process.env`. Everything the service can be told stands here; the result is frozen and
 * handed on as an argument. A secret may come as `NAME` or, from a file, as `NAME_FILE`.
 */

/** The process ends with this code when its configuration is unusable (EX_CONFIG of sysexits.h). */
export const configurationExitCode = 78;

const loopbackNames = new Set(['localhost', '127.0.0.1', '[::1]']);

const secretNames = [
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

const durationUnitsMs = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
const durationPart = /(\d+)(ms|s|m|h|d)/g;

/** `URL.parse` for Node 20, which has only the throwing constructor. */
function parseUrl(text: string): URL | null {
  return URL.canParse(text) ? new URL(text) : null;
}

/** `24h`, `9m30s`, `500ms` as milliseconds. */
const duration = z.string().transform((text, context) => {
  const parts = [...text.matchAll(durationPart)];
  if (parts.length === 0 || parts.map((part) => part[0]).join('') !== text) {
    context.addIssue({ code: 'custom', message: 'must be a duration such as 30s, 15m, 9m30s or 24h' });
    return z.NEVER;
  }
  return parts.reduce(
    (sum, part) => sum + Number(part[1]) * durationUnitsMs[part[2] as keyof typeof durationUnitsMs],
    0,
  );
});

/** Shorter ones would only make the workers turn in circles. */
function atLeast(text: string): [check: (valueMs: number) => boolean, message: string] {
  const leastMs = duration.parse(text);
  return [(valueMs) => valueMs >= leastMs, `must be at least ${text}`];
}

/** Secrets go there: https, and plain http on this machine only. */
function isSecure(url: URL): boolean {
  return url.protocol === 'https:' || (url.protocol === 'http:' && loopbackNames.has(url.hostname));
}

const webOrigin = z.string().transform((text, context) => {
  const url = parseUrl(text);
  if (url === null || !/^https?:$/.test(url.protocol) || url.origin !== text.replace(/\/$/, '')) {
    context.addIssue({ code: 'custom', message: 'must be an origin such as https://link.rutterapi.com' });
    return z.NEVER;
  }
  return url.origin;
});
const list = <T extends z.ZodType<string, string>>(item: T) =>
  z
    .string()
    .transform((text) =>
      text
        .split(',')
        .map((part) => part.trim())
        .filter((part) => part !== ''),
    )
    .pipe(z.array(item).min(1, 'must name at least one'));
const httpUrl = z
  .string()
  .refine((text) => /^https?:$/.test(parseUrl(text)?.protocol ?? ''), 'must be an http(s) URL');
const publicUrl = httpUrl.refine((text) => {
  const url = parseUrl(text);
  return (
    url !== null && url.pathname === '/' && (url.protocol === 'https:' || loopbackNames.has(url.hostname))
  );
}, 'must be https without a path (plain http only on localhost: browsers drop the session cookie elsewhere)');
const port = z.coerce.number().int().min(0).max(65_535);
const token = z.string().min(24, 'must have at least 24 characters').regex(/^\S+$/, 'must hold no blanks');

/** As Express takes them for `trust proxy`: an address, a network, or a name for the usual private ones. */
const proxyNetwork = z.string().refine((text) => {
  if (['loopback', 'linklocal', 'uniquelocal'].includes(text)) return true;
  const [address = '', prefix, ...rest] = text.split('/');
  const bits = { 0: -1, 4: 32, 6: 128 }[isIP(address)] ?? -1;
  if (bits < 0 || rest.length > 0) return false;
  return prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= bits);
}, 'must be IP addresses or networks such as 10.0.0.0/8, or loopback, linklocal, uniquelocal');

/** Hosts that may frame the login pages (Banking Service documentation: the Sage products' own hosts). */
export const sageFrameAncestors =
  'https://*.sagebankdrive.com,https://*.sage.com,https://*.intacct.com,https://*.sageone.com';

const shared = {
  LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent']).default('info'),
  DATABASE_URL: z.string().regex(/^postgres(ql)?:\/\//, 'must be a postgres:// URL'),
  ENCRYPTION_KEYS: z.string().min(1),
};

const secureOrigin = webOrigin.refine(
  (origin) => isSecure(new URL(origin)),
  'must be https (plain http only on localhost)',
);

const rutter = {
  RUTTER_API_URL: httpUrl
    .refine((text) => isSecure(new URL(text)), 'must be https (plain http only on localhost)')
    .default('https://production.rutterapi.com/versioned'),
  RUTTER_CLIENT_ID: z.string().min(1),
  RUTTER_CLIENT_SECRET: z.string().min(1),
  RUTTER_VERSION: z.string().default('2024-08-31'),
  RUTTER_PLATFORM: z.string().default('SAGE_BANK_FEEDS'),
  RUTTER_REDIRECT_ORIGINS: list(secureOrigin).default(['https://link.rutterapi.com']),
};

/** The channel of Sage's Banking Service; without `SAGE_BANKING_URL` it is closed. */
const sage = {
  SAGE_BANKING_URL: secureOrigin.optional(),
  SAGE_AUTH_URL: secureOrigin.default('https://api-money.sage.com'),
  SAGE_TOKEN_SERVICE_URL: secureOrigin.optional(),
  SAGE_LINK_ORIGINS: list(secureOrigin).optional(),
  SAGE_APPLICATION_ID: z.string().min(1).optional(),
  SAGE_SIGNING_KEY: z.string().min(1).optional(),
  SAGE_PROVIDER: z.string().min(1).optional(),
  SAGE_STATUS_POLL_MIN: duration.refine(...atLeast('100ms')).prefault('5s'),
  SAGE_STATUS_POLL_MAX: duration.refine(...atLeast('1s')).prefault('1h'),
};

const apiSchema = z.object({
  ...shared,
  PORT: port.default(8080),
  PUBLIC_URL: publicUrl.optional(),
  CORE_API_TOKEN: token,
  OPS_API_TOKEN: token,
  RUTTER_CLIENT_SECRET: rutter.RUTTER_CLIENT_SECRET,
  RUTTER_WEBHOOK_SECRETS: list(z.string().min(1)).optional(),
  RUTTER_REDIRECT_ORIGINS: rutter.RUTTER_REDIRECT_ORIGINS,
  SAGE_FRAME_ANCESTORS: list(z.string().regex(/^https?:\/\/[^\s;,'"]+$/)).prefault(sageFrameAncestors),
  SAGE_BANKING_URL: sage.SAGE_BANKING_URL,
  TEMPORAL_UI_URL: webOrigin.default('http://localhost:8233'),
  TRUSTED_PROXIES: list(proxyNetwork).default([]),
});

const workerSchema = z
  .object({
    ...shared,
    ...rutter,
    ...sage,
    FEED_SYNC_INTERVAL: duration.refine(...atLeast('1s')).prefault('24h'),
    FEED_ACTIVATION_POLL_MIN: duration.refine(...atLeast('100ms')).prefault('2s'),
    FEED_ACTIVATION_POLL_MAX: duration.refine(...atLeast('1s')).prefault('15m'),
    HANDOFF_OTP_LATEST: duration.refine(...atLeast('1s')).prefault('9m30s'),
  })
  .superRefine((config, context) => {
    if (config.SAGE_BANKING_URL === undefined || config.SAGE_APPLICATION_ID !== undefined) return;
    context.addIssue({ code: 'custom', path: ['SAGE_APPLICATION_ID'], message: 'is required' });
  });

const migrateSchema = z.object({ LOG_LEVEL: shared.LOG_LEVEL, DATABASE_URL: shared.DATABASE_URL });

export type ApiConfig = Readonly<z.output<typeof apiSchema>> & { readonly publicUrl: string };
export type WorkerConfig = Readonly<z.output<typeof workerSchema>>;
export type MigrateConfig = Readonly<z.output<typeof migrateSchema>>;

/** All problems of a configuration at once, one line each. Values are never shown: they may be secrets. */
export class ConfigurationError extends Error {
  constructor(readonly problems: readonly string[]) {
    super(`The configuration cannot be used:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`);
    this.name = 'ConfigurationError';
  }
}

type Environment = Readonly<Record<string, string | undefined>>;

/** What is empty counts as absent; `NAME_FILE` stands in for `NAME`, and both at once is a problem. */
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
      // Without the path, which stands in the error's message: it may be the secret itself, put there by mistake.
      const code = String((error as NodeJS.ErrnoException).code);
      problems.push(`${name}_FILE: the file cannot be read (${code})`);
    }
  }
  return values;
}

function parse<T>(schema: z.ZodType<T>, environment: Environment): T {
  const problems: string[] = [];
  const values = readSecretFiles(environment, problems);
  const result = schema.safeParse(values);
  if (!result.success) {
    for (const issue of result.error.issues) {
      const name = issue.path.join('.');
      // Inside a list the path goes on with the item's place: what is there and wrong is not missing.
      const missing = values[String(issue.path[0])] === undefined;
      problems.push(`${name}: ${missing ? 'is required' : issue.message}`);
    }
  }
  if (problems.length > 0 || !result.success) throw new ConfigurationError(problems);
  return Object.freeze(result.data);
}

/** What the API process may be told. @throws {ConfigurationError} with every problem at once */
export function readApiConfig(environment: Environment = process.env): ApiConfig {
  const config = parse(apiSchema, environment);
  const publicUrl = new URL(config.PUBLIC_URL ?? `http://localhost:${config.PORT}`).origin;
  return Object.freeze({ ...config, publicUrl });
}

/** What a worker process may be told. @throws {ConfigurationError} with every problem at once */
export function readWorkerConfig(environment: Environment = process.env): WorkerConfig {
  return parse(workerSchema, environment);
}

/** What the migration may be told. @throws {ConfigurationError} with every problem at once */
export function readMigrateConfig(environment: Environment = process.env): MigrateConfig {
  return parse(migrateSchema, environment);
}

/**
 * The variables that `@temporalio/envconfig` reads, with `TEMPORAL_API_KEY_FILE` resolved: it knows no such form.
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
