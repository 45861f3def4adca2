import {
  ActivityFailure,
  ApplicationFailure,
  TimeoutFailure,
  condition,
  isCancellation,
  log,
  proxyActivities,
  setCurrentDetails,
  setHandler,
  sleep,
  upsertSearchAttributes,
} from '@temporalio/workflow';
import type { FailureDetail } from '../../../activities/failures.js';
import type { RutterActivities } from '../../../activities/rutter/channel.js';
import { limits } from '../../../domain/limits.js';
import { interactive } from '../../activity-options.js';
import { searchAttributes } from '../../search-attributes.js';
import * as messages from './messages.js';
import {
  decisionOf,
  describe,
  endingOfFailure,
  endingOfOutcome,
  endingOfState,
  initialState,
  recordLogin,
  remainingMs,
  stepOfEnding,
  type HandoffEnding,
  type LoginHandoffState,
} from './state.js';

/*
 * One browser login that ties a Sage company to a connection: from the customer's login to the redirect back to Sage.
 * Runs until the deadline in its row (at most 9:30 after the browser's first request); never renews. Messages: signals
 * `loginSucceeded` (starts it; the first customer wins) and `accountsShared` (a choice is in the row); query `handoffStatus`. It always
 * completes: a refusal, a newer window and the deadline are stored in the row, and the page explains them.
 */

/** Time after the deadline for recording the end in the row. The row enforces its deadline without it. */
const recordEndBudgetMs = 10 * 60_000;

export async function loginHandoffWorkflow(input: messages.LoginHandoffInput): Promise<void> {
  const state = initialState(input.handoffId);
  setHandler(messages.loginSucceeded, ({ customerId }) => {
    if (!recordLogin(state, customerId)) log.warn('another customer logged in to the same handoff');
  });
  setHandler(messages.accountsShared, () => {
    state.shared = true;
    state.choices += 1;
  });
  setHandler(messages.handoffStatus, () => ({
    handoffId: state.handoffId,
    step: state.step,
    deadlineAt: state.deadlineMs === null ? null : new Date(state.deadlineMs).toISOString(),
  }));

  const ending = await handoff(state).catch((error: unknown) => endingOf(error));
  enter(state, stepOfEnding(ending));
  await recordEnd(state, ending);
}

/** The steps up to the redirect. The attempts of an activity end at the deadline. */
async function handoff(state: LoginHandoffState): Promise<HandoffEnding> {
  const { handoffId } = state;
  enter(state, 'waiting_for_login');
  const row = await within(limits.handoffLifetimeMs, interactive.database).dbReadHandoff({ handoffId });
  state.deadlineMs = Date.now() + row.remainingMs;
  const ended = endingOfState(row.state);
  if (ended !== null) return ended;

  if (!(await until(state, () => state.customerId !== null))) return { kind: 'expired', reason: null };
  const customerId = state.customerId ?? '';
  const login = await remaining(state, interactive.database).dbRecordHandoffLogin({ handoffId, customerId });
  if (login.outcome === 'over') return endingOfOutcome({ outcome: 'over', state: login.state });
  upsertSearchAttributes([{ key: searchAttributes.customerId, value: login.customerId }]);

  enter(state, 'waiting_for_accounts');
  // The row may already have the choice: its signal went to an earlier run or was lost.
  const isShared = () => state.shared || login.state === 'sharing';
  if (!(await until(state, isShared))) return { kind: 'expired', reason: null };

  enter(state, 'connecting');
  const write = remaining(state, interactive.providerWrite);
  const connection = await write.rutterEnsureHandoffConnection({ handoffId });
  if (connection.outcome !== 'claimed') return endingOfOutcome(connection);

  enter(state, 'publishing');
  const publish = remaining(state, interactive.publishing);
  const published = await publish.rutterPublishAccounts({ handoffId, mayAsk: true });
  if (published.outcome === 'asked') {
    const decision = await waitForDecision(state);
    if (decision !== 'go_on') return decision;
  } else if (published.outcome !== 'published') {
    return endingOfOutcome(published);
  }

  enter(state, 'asking_otp');
  const otp = await remaining(state, interactive.providerWrite).rutterCreateOtp({ handoffId });
  return otp.outcome === 'ready' ? { kind: 'ready' } : endingOfOutcome(otp);
}

/**
 * Some accounts cannot be published: waits, at most until the deadline, for the customer's answer in the row. Runs of
 * before version 0.3.0 never come here, since their activity does not ask.
 */
async function waitForDecision(state: LoginHandoffState): Promise<'go_on' | HandoffEnding> {
  enter(state, 'waiting_for_decision');
  for (;;) {
    const { choices } = state;
    const row = await remaining(state, interactive.database).dbReadHandoff({ handoffId: state.handoffId });
    const decision = decisionOf(row);
    if (decision !== null) return decision;
    if (!(await until(state, () => state.choices > choices))) return { kind: 'expired', reason: null };
  }
}

/** Records the end. A redirect waits for its browser until the deadline, then it is cleared. */
async function recordEnd(state: LoginHandoffState, ending: HandoffEnding): Promise<void> {
  const { handoffId } = state;
  const database = within(recordEndBudgetMs, interactive.database);
  try {
    switch (ending.kind) {
      case 'ready': {
        await sleep(Math.max(1, remainingMs(state, Date.now())));
        const { state: now } = await database.dbExpireHandoff({ handoffId, reason: null });
        enter(state, stepOfEnding(endingOfState(now ?? 'expired') ?? { kind: 'expired', reason: null }));
        return;
      }
      case 'refused': {
        const { reason, errorCode } = ending;
        await database.dbRefuseHandoff({
          handoffId,
          reason,
          ...(errorCode === undefined ? {} : { errorCode }),
        });
        return;
      }
      case 'expired':
        await database.dbExpireHandoff({ handoffId, reason: ending.reason });
        return;
      case 'over':
        return;
    }
  } catch (error) {
    if (!(error instanceof ActivityFailure) || isCancellation(error)) throw error;
    // The row enforces its deadline: the redirect can no longer be taken, only the recorded end is missing.
    log.warn('a handoff ended without an update of its row', { ending: ending.kind });
  }
}

/** The ending after a failed activity. Any other error is a bug and fails the workflow task, which is retried. */
function endingOf(error: unknown): HandoffEnding {
  if (!(error instanceof ActivityFailure) || isCancellation(error)) throw error;
  // At the deadline the last attempt's failure is the cause of the time-out.
  const cause = error.cause instanceof TimeoutFailure ? error.cause.cause : error.cause;
  if (!(cause instanceof ApplicationFailure)) return endingOfFailure(null);
  const detail = cause.details?.[0] as FailureDetail | undefined;
  return endingOfFailure(cause.type, detail?.errorCode);
}

/** Waits for a condition, at most until the deadline. */
async function until(state: LoginHandoffState, isDone: () => boolean): Promise<boolean> {
  if (isDone()) return true;
  const leftMs = remainingMs(state, Date.now());
  return leftMs > 0 && (await condition(isDone, leftMs));
}

function remaining(state: LoginHandoffState, preset: (typeof interactive)[keyof typeof interactive]) {
  return within(Math.max(1, remainingMs(state, Date.now())), preset);
}

/** Activities with all their attempts in this time. */
function within(budgetMs: number, preset: (typeof interactive)[keyof typeof interactive]) {
  return proxyActivities<RutterActivities>({ ...preset, scheduleToCloseTimeout: budgetMs });
}

function enter(state: LoginHandoffState, step: LoginHandoffState['step']): void {
  state.step = step;
  setCurrentDetails(describe(state));
}
