import type { RutterAccount } from '../../../clients/rutter/schemas.js';
import type { AccountToPublish } from '../../../db/rutter/publications.js';

export type AccountMatch =
  | { readonly kind: 'found'; readonly rutterAccountId: string }
  | { readonly kind: 'missing' }
  /** Rutter has it with another currency or type: postings must not go there. */
  | { readonly kind: 'mismatch' };

/**
 * Which of a connection's accounts at Rutter is ours, by `internal_bank_account_id`: Rutter does not keep that unique
 * (contract 6.3), so of several the linked one is taken, else the one with the smallest id, which is the same one
 * each time. An account that has a feed already keeps the Rutter account stored with it.
 */
export function matchAccount(
  account: Pick<AccountToPublish, 'accountId' | 'type' | 'currency' | 'rutterAccountId'>,
  known: readonly RutterAccount[],
): AccountMatch {
  if (account.rutterAccountId !== null) return { kind: 'found', rutterAccountId: account.rutterAccountId };
  const named = known.filter((each) => each.internalBankAccountId === account.accountId);
  const fitting = named
    .filter(
      (each) => isNullOr(each.currencyCode, account.currency) && isNullOr(each.bankAccountType, account.type),
    )
    .sort(linkedThenById);
  const [best] = fitting;
  if (best !== undefined) return { kind: 'found', rutterAccountId: best.id };
  return { kind: named.length === 0 ? 'missing' : 'mismatch' };
}

/** Rutter may leave both null. */
function isNullOr(answered: string | null, ours: string): boolean {
  return answered === null || answered === ours;
}

function linkedThenById(left: RutterAccount, right: RutterAccount): number {
  const linked = Number(right.feedStatus === 'active') - Number(left.feedStatus === 'active');
  if (linked !== 0) return linked;
  return left.id < right.id ? -1 : 1;
}
