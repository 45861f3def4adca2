import type { ReadSageAccountResult } from '../../../src/activities/sage-banking/account/read-account.js';
import type { PlannedSageFailure } from './plan.js';
import type { Failure } from '../run-attempt.js';

interface Attempt {
  readonly activity: string;
  readonly workflowId: string;
}

/** Deals a plan's failures to attempts, and remembers what the checker has to excuse. */
export class SageBankingWatch {
  readonly #attempts = new Map<string, number>();
  #calm = false;
  attempts = 0;
  struck = 0;
  /** Attempts at an onboarding's step that failure struck. */
  struckOnboardings = 0;
  requests = 0;
  /** POSTs of an organisation after which nobody could know what came of it. */
  lostOrganisationAnswers = 0;
  /** Refusals of an organisation of which only the status arrived: what they mean is then what Sage documents. */
  wordlessRefusals = 0;
  /** Workflows of accounts that Sage refused to read at least once. */
  readonly #unreadable = new Set<string>();

  constructor(private readonly failures: readonly PlannedSageFailure[]) {}

  begins({ activity }: Attempt): Failure | undefined {
    const attempt = (this.#attempts.get(activity) ?? 0) + 1;
    this.#attempts.set(activity, attempt);
    this.attempts += 1;
    if (this.#calm) return undefined;
    const found = this.failures.find(
      (planned) => planned.activity === activity && planned.attempt === attempt,
    );
    if (found === undefined) return undefined;
    this.struck += 1;
    if (activity === 'sageAdvanceOnboarding') this.struckOnboardings += 1;
    return found.failure;
  }

  ends({ activity, workflowId, result }: Attempt & { result: unknown }): void {
    if (activity !== 'sageReadAccount') return;
    if ((result as ReadSageAccountResult).reason !== null) this.#unreadable.add(workflowId);
  }

  /** No failure from now on. */
  calm(): void {
    this.#calm = true;
  }

  /** Whether a check the account was refused: then its end may come before all of it was read. */
  wasRefused(workflowId: string): boolean {
    return this.#unreadable.has(workflowId);
  }

  readonly fetch: typeof fetch = async (input, init) => {
    this.requests += 1;
    const path = new URL(input instanceof Request ? input.url : input).pathname;
    const posts = init?.method === 'POST' && path.endsWith('/api/v1/organisations');
    if (!posts) return await fetch(input, init);
    try {
      const response = await fetch(input, init);
      const { status } = response;
      if (await isAnswer(response.clone())) return response;
      if (status >= 400 && status < 500) this.wordlessRefusals += 1;
      else this.lostOrganisationAnswers += 1;
      return response;
    } catch (error) {
      this.lostOrganisationAnswers += 1;
      throw error;
    }
  };
}

/** Whether an answer tells what happened. */
async function isAnswer(response: Response): Promise<boolean> {
  if (response.status >= 500 || (response.status >= 300 && response.status < 400)) return false;
  if (response.headers.get('content-type')?.startsWith('application/json') !== true) return false;
  return await response.json().then(
    () => true,
    () => false,
  );
}
