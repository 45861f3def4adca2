import { isAccountClosed } from './account-closing.js';
import { rutterCurrencies } from './currencies.js';

/** Why an account cannot be published, whatever Rutter says. */
export type PublishObstacle =
  /** Core banking keeps it from being published. */
  | 'not_publishable'
  /** Its currency is not on Rutter's list. */
  | 'currency_not_listed'
  /** It is closed. */
  | 'account_closed';

/** Null: the account may be offered in a handoff and published. `today`: the day in the account's zone. */
export function publishObstacle(
  account: {
    readonly publishable: boolean;
    readonly currency: string;
    readonly closedOn: string | null;
  },
  today: string,
): PublishObstacle | null {
  if (!account.publishable) return 'not_publishable';
  if (isAccountClosed(account, today)) return 'account_closed';
  return rutterCurrencies.has(account.currency) ? null : 'currency_not_listed';
}
