import type { RutterAccount } from '../../../clients/rutter/schemas.js';
import type { AccountShown } from '../../../db/rutter/account-differences.js';

/** What Sage shows of an account, from Rutter's answer (contract 6.2). The number is a secret. */
export function accountShown(account: RutterAccount): AccountShown {
  return {
    rutterAccountId: account.id,
    name: known(account.name),
    number: known(account.bankAccountNumber),
    currency: known(account.currencyCode),
  };
}

/** An empty text is no answer either. */
function known(text: string | null): string | null {
  return text === null || text.trim() === '' ? null : text;
}
