import { defineQuery, defineSignal } from '@temporalio/workflow';

/** Input of `loginHandoffWorkflow`. `handoffId` is the hex SHA-256 of the challenge. */
export interface LoginHandoffInput {
  readonly handoffId: string;
}

export interface LoginSucceeded {
  readonly handoffId: string;
  readonly customerId: string;
}

/** Result of the `handoffStatus` query. */
export interface HandoffStatus {
  readonly handoffId: string;
  readonly step:
    | 'waiting_for_login'
    | 'waiting_for_accounts'
    | 'connecting'
    | 'publishing'
    | 'waiting_for_decision'
    | 'asking_otp'
    | 'ready'
    | 'done'
    | 'superseded'
    | 'expired'
    | 'refused';
  readonly deadlineAt: string | null;
}

/** The customer has logged in on the login page. The first one for a challenge starts the workflow. */
export const loginSucceeded = defineSignal<[LoginSucceeded]>('loginSucceeded');
/**
 * A choice of the customer is stored in the handoff's row: connection and accounts, or whether to go on without the
 * accounts that could not be published.
 */
export const accountsShared = defineSignal('accountsShared');

export const handoffStatus = defineQuery<HandoffStatus>('handoffStatus');
