import { rutterCurrencies } from './currencies.js';

/** Why an account cannot be published, whatever Rutter says. */
export type PublishObstacle =
  /** Core banking keeps it from being published. */
  | 'not_publishable'
  /** Its currency is not on Rutter's list. */
  | 'currency_not_listed';

/** Null: the account may be offered in a handoff and published. */
export function publishObstacle(account: {
  readonly publishable: boolean;
  readonly currency: string;
}): PublishObstacle | null {
  if (!account.publishable) return 'not_publishable';
  return rutterCurrencies.has(account.currency) ? null : 'currency_not_listed';
}
