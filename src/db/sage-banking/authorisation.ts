import type { Keyring } from '../../crypto/keyring.js';
import { openIfReadable, seal } from '../../crypto/seal.js';
import type { SageAccountRow } from './accounts.js';

/** What Sage returns for one account's authorisation: it holds a signed address, so it is stored sealed. */
export type SageAuthorisation = Readonly<Record<string, unknown>>;

export function sealSageAuthorisation(
  keyring: Keyring,
  input: { sageAccountId: string; authorisation: SageAuthorisation },
): string {
  return seal(keyring, JSON.stringify(input.authorisation), contextOf(input));
}

/**
 * What a customer has to do now for an account of a direct bank, in Sage's own members: the bank's own procedure, and with it
 * what Sage returns for this account (contract 6.3). Null when there is nothing to do.
 * What cannot be decrypted, since its key was lost, is left out until the next check of the account reads it again.
 */
export function sageAuthorisationOf(
  keyring: Keyring,
  account: Pick<
    SageAccountRow,
    'sageAccountId' | 'status' | 'dataProvider' | 'authorisationMechanism' | 'authorisationSealed'
  >,
): SageAuthorisation | null {
  const isAwaited = account.status === 'pending' || account.status === 'authRequired';
  if (!isAwaited || account.dataProvider === 'indirect') return null;
  const { authorisationMechanism, authorisationSealed } = account;
  const text =
    authorisationSealed === null
      ? null
      : openIfReadable(keyring, authorisationSealed, contextOf(account)).text;
  const reported = text === null ? null : (JSON.parse(text) as SageAuthorisation);
  const together = { ...authorisationMechanism, ...reported };
  return Object.keys(together).length === 0 ? null : together;
}

function contextOf({ sageAccountId }: { sageAccountId: string }) {
  return { table: 'sage_accounts', row: sageAccountId, column: 'authorisation' };
}
