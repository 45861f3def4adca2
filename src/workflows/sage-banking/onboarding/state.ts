import type { SageOnboardingState } from '../../../domain/sage-banking/states.js';

/** The state of a run; the row has the rest, so the next run receives none of it. */
export interface SageOnboardingRun {
  customerId: string | null;
  /** The row has something new. */
  changed: boolean;
  /** Consecutive steps without progress. */
  attempts: number;
}

export function initialState(): SageOnboardingRun {
  return { customerId: null, changed: false, attempts: 0 };
}

const sentences: Readonly<Record<SageOnboardingState, string>> = {
  registering: "Requesting a registration and a captcha from Sage's token service.",
  waiting_captcha: 'Waiting for a person to solve the captcha.',
  creating: 'Creating the organisation at Sage, or fetching its first token.',
  ready: 'The organisation is ready.',
  refused: 'Sage refused the organisation; the onboarding has the reason.',
  in_doubt: 'The outcome of the request is unknown. Waiting for an operator to resolve it.',
};

/** The current details in the Temporal UI, for operators. */
export function describe(row: {
  readonly state: SageOnboardingState;
  readonly reason: string | null;
}): string {
  return row.reason === null ? sentences[row.state] : `${sentences[row.state]} (${row.reason})`;
}
