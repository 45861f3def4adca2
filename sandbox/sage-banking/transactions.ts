import { transactionsPageMax } from './assumptions.js';
import { accountOf, refuseCancelled } from './accounts.js';
import { Fields } from './fields.js';
import { invalid, notFound, type Answer, type ApiRequest } from './http.js';
import { extended, renderAccount } from './render.js';
import { ACCOUNT, type Route } from './route.js';
import type { Sandbox } from './sandbox.js';

const INDEX = /^[1-9]\d{0,14}$/;
const changeable = ['accountsPostings', 'transactionNarrative'];

export const transactionRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: `${ACCOUNT}/transactions`,
    access: 'account',
    counter: 'transaction_reads',
    answer: listTransactions,
  },
  { method: 'PATCH', path: `${ACCOUNT}/transactions/:transactionId`, access: 'account', answer: writeBack },
];

/** By cursor: `startIndex` is the first id wanted, inclusive, and ids have gaps (contract 7.1). */
function listTransactions(sandbox: Sandbox, request: ApiRequest): Answer {
  const account = accountOf(request);
  const startIndex = indexOf(request, 'startIndex') ?? 1;
  const lastWanted = indexOf(request, 'endIndex') ?? Number.MAX_SAFE_INTEGER - 1;
  const { transactions: book } = sandbox.state;
  const { start, end } = book.window(account.id, startIndex, lastWanted);
  const total = Math.max(end - start, 0);
  const page = book
    .list(account.id)
    .slice(start, Math.min(start + transactionsPageMax, Math.max(end, start)));
  const endIndex = page.at(-1)?.transactionId ?? startIndex - 1;
  const lastPageStart =
    start + Math.floor(Math.max(total - 1, 0) / transactionsPageMax) * transactionsPageMax;
  const lastPageIndex = book.list(account.id)[lastPageStart]?.transactionId ?? startIndex;
  const address = (index: number): string => addressOf(sandbox, request, index);
  return {
    status: 200,
    body: {
      bankAccount: renderAccount(sandbox, account),
      bankTransactionList: {
        startIndex,
        endIndex,
        total,
        transactions: page.map((transaction) => extended(sandbox, transaction)),
        ...(total > page.length ? { next: address(endIndex + 1) } : {}),
        last: address(total > page.length ? lastPageIndex : startIndex),
      },
    },
  };
}

function addressOf(sandbox: Sandbox, request: ApiRequest, startIndex: number): string {
  const endIndex = request.query.get('endindex');
  const rest = endIndex === undefined ? '' : `&endIndex=${endIndex}`;
  return `${sandbox.origin}${request.path}?startIndex=${startIndex}${rest}`;
}

function indexOf(request: ApiRequest, name: string): number | undefined {
  const text = request.query.get(name.toLowerCase());
  if (text === undefined) return undefined;
  if (!INDEX.test(text)) throw invalid({ field: name, reason: 'must be a whole number of 1 or more' });
  return Number(text);
}

/** Assumed as a whole: what the product did may be written back, and no rule is derived from it (contract 7.3). */
function writeBack(sandbox: Sandbox, request: ApiRequest): Answer {
  const account = accountOf(request);
  refuseCancelled(account);
  const id = Number(request.params['transactionId']);
  const transaction = sandbox.state.transactions.get(account.id, id);
  if (transaction === undefined) throw notFound(`transaction ${request.params['transactionId'] ?? ''}`);
  const fields = new Fields(request.json);
  for (const name of Object.keys(request.json as object)) {
    if (!changeable.includes(name)) fields.fault(name, 'cannot be changed');
  }
  const postings = fields.value('accountsPostings') ?? transaction['accountsPostings'];
  if (!Array.isArray(postings)) fields.fault('accountsPostings', 'must be a list');
  const transactionNarrative =
    fields.optionalText('transactionNarrative') ?? transaction.transactionNarrative;
  fields.check();
  const body = { ...transaction, accountsPostings: postings, transactionNarrative };
  sandbox.commit({ put: 'transaction', record: { accountId: account.id, body } });
  return { status: 200, body: extended(sandbox, body) };
}
