import { randomBytes } from 'node:crypto';
import { readFile, rename, writeFile } from 'node:fs/promises';

/** Secrets that a local start generates once and stores; variables take precedence. */
export interface LocalSecrets {
  /** `keyid:base64(32 bytes)`, as in ENCRYPTION_KEYS. */
  encryptionKeys: string;
  coreApiToken: string;
  opsApiToken: string;
  rutterClientId: string;
  rutterClientSecret: string;
  demoPassword: string;
  /** The first start's day, `2026-02-03`: the demo's postings keep their dates at every later start. */
  demoDay: string;
}

/** Reads the stored secrets, or generates and stores them in a file that only the current user may read. */
export async function keepSecrets(path: string): Promise<LocalSecrets> {
  const kept = await readFile(path, 'utf8').catch(() => undefined);
  if (kept !== undefined) return JSON.parse(kept) as LocalSecrets;
  const secrets = newSecrets();
  const draft = `${path}.new`;
  await writeFile(draft, `${JSON.stringify(secrets, undefined, 2)}\n`, { mode: 0o600 });
  await rename(draft, path);
  return secrets;
}

/** Secrets that are used nowhere yet. */
export function newSecrets(): LocalSecrets {
  return {
    encryptionKeys: `local1:${randomBytes(32).toString('base64')}`,
    coreApiToken: `core_${randomBytes(24).toString('base64url')}`,
    opsApiToken: `ops_${randomBytes(24).toString('base64url')}`,
    rutterClientId: `client_${randomBytes(9).toString('base64url')}`,
    rutterClientSecret: `secret_${randomBytes(24).toString('base64url')}`,
    demoPassword: `demo-${randomBytes(9).toString('base64url')}`,
    demoDay: new Date().toISOString().slice(0, 10),
  };
}
