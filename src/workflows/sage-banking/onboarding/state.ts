import type { SageOnboardingState } from '../../../domain/sage-banking/states.js';

/** What a run holds; the row has the rest, so nothing of it is carried into the next run. */
export interface SageOnboardingRun {
  customerId: string | null;
  /** The row says something new. */
  changed: boolean;
  /** Steps in a row that came to nothing. */
  tries: number;
}

export function initialState(): SageOnboardingRun {
  return { customerId: null, changed: false, tries: 0 };
}

const sentences: Readonly<Record<SageOnboardingState, string>> = {
  registering: "Asking Sage's token service for a registration and a captcha.",
  waiting_captcha: 'Waiting for a person who reads the captcha.',
  creating: 'Creating the organisation at Sage, or fetching its first token.',
  ready: 'The organisation is ready.',
  refused: 'There will be no organisation; the onboarding says why.',
  in_doubt: 'Nobody knows what came of the request. Waiting for an operator who finds out and resolves it.',
};

/** Plain words for operators in the Temporal UI. */
export function describe(row: {
  readonly state: SageOnboardingState;
  readonly reason: string | null;
}): string {
  return row.reason === null ? sentences[row.state] : `${sentences[row.state]} (${row.reason})`;
}
