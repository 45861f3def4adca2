import { createHmac } from 'node:crypto';
import { secretsOf } from './access.js';
import type { Sandbox } from './sandbox.js';
import { sameSignature } from './signature.js';

/** An absolute address that only this sandbox can make. `path` may have parameters. */
export function signedAddress(sandbox: Sandbox, path: string): string {
  const separator = path.includes('?') ? '&' : '?';
  return `${sandbox.origin}${path}${separator}signature=${seal(sandbox, path)}`;
}

/** Whether `signature` is the one that signedAddress() put on `path`. */
export function isSealed(sandbox: Sandbox, path: string, signature: string | null | undefined): boolean {
  return sameSignature(signature ?? '', seal(sandbox, path));
}

function seal(sandbox: Sandbox, path: string): string {
  return createHmac('sha256', secretsOf(sandbox).urlKey).update(path.toLowerCase()).digest('hex');
}
