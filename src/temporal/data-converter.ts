import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { DataConverter } from '@temporalio/common';
import type { Keyring } from '../crypto/keyring.js';
import { createEncryptionCodec } from './codec.js';

/**
 * Where the SDK finds the failure converter, as an absolute path: `.ts` when the sources run, `.js` when they are
 * compiled. The workflow bundle must be built with the same path (`bundleWorkflowCode({ failureConverterPath })`).
 */
export const failureConverterPath = siblingPath('failure-converter');

/** The one data converter of clients, workers and replay tests: payloads and failures encrypted, sizes limited. */
export function createDataConverter(keyring: Keyring): DataConverter {
  return { failureConverterPath, payloadCodecs: [createEncryptionCodec(keyring)] };
}

function siblingPath(name: string): string {
  const here = fileURLToPath(import.meta.url);
  return fileURLToPath(new URL(name + extname(here), import.meta.url));
}
