import { defineQuery, defineSignal } from '@temporalio/workflow';

/** Input of `loginHandoffWorkflow`. `handoffId` is the hex SHA-256 of the challenge. */
export interface LoginHandoffInput {
  readonly handoffId: string;
}

export interface LoginSucceeded {
  readonly handoffId: string;
  readonly customerId: string;
}

/** Answer of the `handoffStatus` query. */
export interface HandoffStatus {
  readonly handoffId: string;
  readonly step:
    | 'waiting_for_login'
    | 'waiting_for_accounts'
    | 'connecting'
    | 'publishing'
    | 'asking_otp'
    | 'ready'
    | 'done'
    | 'superseded'
    | 'expired'
    | 'refused';
  readonly deadlineAt: string | null;
}

/** The customer proved who they are on the login page. Starts the workflow when it is the first of a challenge. */
export const loginSucceeded = defineSignal<[LoginSucceeded]>('loginSucceeded');
/** The customer's choice of connection and accounts stands in the handoff's row. */
export const accountsShared = defineSignal('accountsShared');

export const handoffStatus = defineQuery<HandoffStatus>('handoffStatus');
