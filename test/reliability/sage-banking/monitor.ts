import type { ReadSageAccountResult } from '../../../src/activities/sage-banking/account/read-account.js';
import type { PlannedFailure } from './plan.js';
import type { InjectedFailure } from '../attempt-failures.js';

interface Attempt {
  readonly activity: string;
  readonly workflowId: string;
}

/** Gives each attempt its planned failure, and records what the checker must allow for. */
export class RunMonitor {
  readonly #attempts = new Map<string, number>();
  #stopped = false;
  attempts = 0;
  injected = 0;
  /** Attempts of onboarding steps that met a failure. */
  injectedIntoOnboardings = 0;
  requests = 0;
  /** POSTs of an organisation whose outcome is unknown. */
  lostOrganisationAnswers = 0;
  /** Refusals of an organisation of which only the status arrived; it is read as Sage documents it. */
  refusalsWithoutBody = 0;
  /** Workflows of accounts that Sage refused to show at least once. */
  readonly #unreadable = new Set<string>();

  constructor(private readonly failures: readonly PlannedFailure[]) {}

  attemptStarted({ activity }: Attempt): InjectedFailure | undefined {
    const attempt = (this.#attempts.get(activity) ?? 0) + 1;
    this.#attempts.set(activity, attempt);
    this.attempts += 1;
    if (this.#stopped) return undefined;
    const found = this.failures.find(
      (planned) => planned.activity === activity && planned.attempt === attempt,
    );
    if (found === undefined) return undefined;
    this.injected += 1;
    if (activity === 'sageAdvanceOnboarding') this.injectedIntoOnboardings += 1;
    return found.failure;
  }

  attemptEnded({ activity, workflowId, result }: Attempt & { result: unknown }): void {
    if (activity !== 'sageReadAccount') return;
    if ((result as ReadSageAccountResult).reason !== null) this.#unreadable.add(workflowId);
  }

  /** Ends all planned failures. */
  stopFailures(): void {
    this.#stopped = true;
  }

  /** Whether Sage refused a check of the account: then it may be cancelled before everything was read. */
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
      if (status >= 400 && status < 500) this.refusalsWithoutBody += 1;
      else this.lostOrganisationAnswers += 1;
      return response;
    } catch (error) {
      this.lostOrganisationAnswers += 1;
      throw error;
    }
  };
}

/** Whether an answer shows what happened. */
async function isAnswer(response: Response): Promise<boolean> {
  if (response.status >= 500 || (response.status >= 300 && response.status < 400)) return false;
  if (response.headers.get('content-type')?.startsWith('application/json') !== true) return false;
  return await response.json().then(
    () => true,
    () => false,
  );
}
