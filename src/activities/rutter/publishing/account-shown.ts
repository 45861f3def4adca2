import type { RutterAccount } from '../../../clients/rutter/schemas.js';
import type { AccountShown } from '../../../db/rutter/account-differences.js';

/** What Sage shows of an account, from Rutter's answer (contract 6.2). The number is a secret. */
export function accountShown(account: RutterAccount): AccountShown {
  return {
    rutterAccountId: account.id,
    name: account.name,
    number: account.bankAccountNumber,
    currency: account.currencyCode,
  };
}
