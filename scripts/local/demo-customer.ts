import { LocalFailure } from './local-failure.js';

export interface DemoInput {
  /** `http://localhost:8080`. */
  apiUrl: string;
  coreApiToken: string;
  password: string;
  /** `2026-02-03`: the postings are in the months before it. */
  demoDay: string;
}

export const demoCustomer = { id: 'demo', username: 'demo' };

interface DemoPosting {
  transaction_id: string;
  posted_at: string;
  amount: string;
  description: string;
  payee: string;
  transaction_type: string;
}

const accounts = [
  { id: 'demo-current', name: 'Current account', type: 'bank', number: '40121234', days: 90 },
  { id: 'demo-card', name: 'Business card', type: 'credit_card', number: '5500000000005678', days: 30 },
];

/** Fictitious, and the same at every start: payee, text, amount in pence (money out negative), type. */
const patterns: [payee: string, description: string, pence: number, type: string][] = [
  ['Harbour Coffee', 'Card payment', -1_240, 'debit'],
  ['Northlight Studio', 'Invoice 2041', 186_000, 'deposit'],
  ['City Power', 'Direct debit electricity', -8_430, 'payment'],
  ['Rail & Coach', 'Travel', -4_695, 'debit'],
  ['Meadow Foods', 'Invoice 2042', 42_550, 'deposit'],
  ['Bankfeeds Demo Bank', 'Account fee', -600, 'fee'],
  ['Papermill', 'Office supplies', -2_399, 'debit'],
];

const httpMs = 20_000;
const dayMs = 86_400_000;

/**
 * Creates the demo customer with two accounts and 120 postings through the machine API, as core banking does. Safe to
 * repeat: the same day produces the same postings, which the API counts as repeated.
 *
 * @throws LocalFailure with the API's answer if it refuses
 */
export async function makeDemoCustomer(input: DemoInput): Promise<void> {
  const customer = `/v1/customers/${demoCustomer.id}`;
  const person = { name: 'Demo Trading Ltd', email: 'demo@example.com' };
  await call(input, 'PUT', customer, {
    ...person,
    username: demoCustomer.username,
    password: input.password,
  });
  for (const account of accounts) {
    const { name, type, number } = account;
    await call(input, 'PUT', `${customer}/accounts/${account.id}`, { name, type, currency: 'GBP', number });
    const transactions = demoPostings(account, input.demoDay);
    const answer = await call(input, 'POST', `/v1/accounts/${account.id}/transactions`, { transactions });
    const { rejected } = JSON.parse(answer) as { rejected: { reason: string }[] };
    if (rejected[0] !== undefined) {
      throw new LocalFailure(`A demo posting was rejected (${rejected[0].reason}): report this as a bug.`);
    }
  }
}

/** One posting a day at nine in the morning, the last on the day before `demoDay`. */
export function demoPostings(account: { id: string; days: number }, demoDay: string): DemoPosting[] {
  const lastMs = Date.parse(`${demoDay}T09:00:00.000Z`) - dayMs;
  return Array.from({ length: account.days }, (_, index) => {
    const pattern = patterns[index % patterns.length];
    if (pattern === undefined) throw new Error('there is no pattern');
    const [payee, description, pence, type] = pattern;
    return {
      transaction_id: `${account.id}-${String(index + 1).padStart(4, '0')}`,
      posted_at: new Date(lastMs - (account.days - 1 - index) * dayMs).toISOString(),
      amount: (pence / 100).toFixed(2),
      description,
      payee,
      transaction_type: type,
    };
  });
}

async function call(input: DemoInput, method: string, path: string, body: unknown): Promise<string> {
  const response = await fetch(new URL(path, input.apiUrl), {
    method,
    headers: { authorization: `Bearer ${input.coreApiToken}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(httpMs),
  });
  const text = await response.text();
  if (response.ok) return text;
  throw new LocalFailure(
    `The demo customer was refused (${method} ${path}: ${response.status} ${text.slice(0, 300)}).`,
  );
}
