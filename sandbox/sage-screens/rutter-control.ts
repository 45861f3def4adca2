import { ScreenError, type Screens } from './screen.js';

/** The sandbox answers from memory: a longer wait means that it does not run. */
const controlTimeoutMs = 10_000;

export interface ShownAccount {
  id: string;
  name: string | null;
  bank_account_type: string;
  bank_account_number: string | null;
  currency_code: string | null;
  feed_status: string;
  transaction_start_date: string | null;
}

export interface ShownConnection {
  id: string;
  platform: string | null;
  status: string;
  sage_company: string | null;
  linked: boolean;
  accounts: ShownAccount[];
}

export interface BookedTransaction {
  transaction_id: string;
  posted_at: string;
  amount: number;
  description: string;
  payee: string | null;
}

export interface AccountBook {
  account_id: string;
  internal_bank_account_id: string | null;
  count: number;
  transactions: BookedTransaction[];
}

/** Asks a control endpoint of the Rutter sandbox. @throws ScreenError with the sandbox's own sentence. */
export async function control<T>(
  screens: Screens,
  method: 'GET' | 'POST',
  path: string,
  body?: unknown,
): Promise<T> {
  const response = await fetch(`${screens.rutterUrl}/_sandbox${path}`, {
    method,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(controlTimeoutMs),
  });
  const answer = (await response.json()) as T & { error?: string };
  if (!response.ok) throw new ScreenError(response.status, answer.error ?? 'The Rutter sandbox refused.');
  return answer;
}
