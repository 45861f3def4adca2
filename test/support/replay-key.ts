import type { DataConverter } from '@temporalio/common';
import { parseKeyring } from '../../src/crypto/keyring.js';
import { createDataConverter } from '../../src/temporal/data-converter.js';

/** The key under which the saved histories are encrypted: made up, for replays and the runs that record them only. */
export const replayKeys = `replay:${Buffer.alloc(32, 'replay histories only').toString('base64')}`;

/** The converter that reads and writes the saved histories. */
export function createReplayConverter(): DataConverter {
  const keys = parseKeyring(replayKeys);
  if (!keys.ok) throw new Error('the replay key is unusable');
  return createDataConverter(keys.keyring);
}
