import { z } from 'zod';
import {
  decidedPostingsMax,
  decidePostings,
  type DecisionInput,
  type DecisionResult,
} from '../../../db/rutter/posting-decisions.js';
import { hasHadPostingsOfCode, listPostingsOfCode } from '../../../db/rutter/postings-of-code.js';
import type { FeedView } from '../../../db/feed-views.js';
import { limits } from '../../../domain/limits.js';
import { deliveryStatuses, holdReasons } from '../../../domain/rutter/delivery-status.js';
import { allowedPostingActions, type PostingAction } from '../../../domain/rutter/posting-decisions.js';
import type { AnyRoute, RouteAnswer } from '../../define-route.js';
import { feedParams } from '../../feed-params.js';
import { nothing, textField, transactionId } from '../../fields.js';
import { invalid, Problem } from '../../problem.js';
import { defineRutterRoute, type RutterDeps } from '../define-route.js';
import { requireRutterFeed } from '../feed-params.js';
import { waitsForSchema } from '../posting-json.js';
import { explainWrongStatus, undecided } from './post-quarantine-decision.js';

/** A thousand ids of 255 characters, each escaped as six, with room for the rest. */
const bodyBytesMax = 2 * 1024 * 1024;
/** Transactions by which one call with `all_of_code` can go on; the answer says when there are more. */
const transactionsOfCodeMax = 10 * decidedPostingsMax;
/** Refusals that an answer lists; it has the exact count. */
const listedRefusalsMax = limits.ingestListMax;

const transactionIds = z
  .array(transactionId)
  .min(1)
  .max(decidedPostingsMax)
  .meta({ description: 'Ids of the account. Also those that a path cannot carry, such as `.` and `..`.' });
const reason = textField(limits.textLengthMax).meta({
  description: 'Why, for the timeline. No personal data.',
});
const code = textField(limits.idLengthMax).meta({
  description:
    "The provider's code of a refusal, as the timeline entry `posting_quarantined` has it; `conflict` for those that Rutter has with other content; or a hold reason, `possible_duplicate` or `operator`.",
});

const listBody = z.strictObject({ transaction_ids: transactionIds, reason }).meta({ id: 'HoldListInput' });
const selectionBody = z
  .strictObject({ transaction_ids: transactionIds.optional(), all_of_code: code.optional(), reason })
  .superRefine((body, context) => {
    if ((body.transaction_ids === undefined) !== (body.all_of_code === undefined)) return;
    const message = 'must have either transaction_ids or all_of_code';
    context.addIssue({ code: 'custom', message });
  })
  .meta({ id: 'QuarantineSelection', description: 'Either `transaction_ids` or `all_of_code`.' });

const refusalSchema = z.object({
  transaction_id: z.string(),
  code: z.enum(['unknown_transaction', 'wrong_delivery_status', 'conflict_at_rutter']),
  reason: z.string(),
  delivery_status: z.enum(deliveryStatuses).nullable(),
  hold_reason: z.enum(holdReasons).nullable(),
  allowed_actions: z.array(z.enum(['hold', 'release', 'discard'])),
});

const decisionsSchema = z
  .object({
    changed: z.int(),
    repeated: z.int().meta({ description: 'The same was decided before: nothing was changed.' }),
    refused: z.array(refusalSchema).meta({ description: `The first ${listedRefusalsMax}.` }),
    refused_total: z.int(),
    waits_for: waitsForSchema,
    has_more: z.boolean().meta({
      description: `With \`all_of_code\`: more than ${transactionsOfCodeMax} wait; repeat the request.`,
    }),
  })
  .meta({ id: 'QuarantineDecisions' });

type Decisions = z.output<typeof decisionsSchema>;

/** Decisions of operators on many postings of a feed at once. */
export const quarantineDecisionRoutes: readonly AnyRoute<RutterDeps>[] = [
  decisionRoute('hold', 'Hold transactions back', listBody),
  decisionRoute('release', 'Send quarantined or held transactions', selectionBody),
  decisionRoute('discard', 'Discard quarantined or held transactions', selectionBody),
];

function decisionRoute(
  action: PostingAction,
  summary: string,
  schema: typeof listBody | typeof selectionBody,
): AnyRoute<RutterDeps> {
  return defineRutterRoute({
    method: 'post',
    path: `/v1/feeds/{feed_id}/quarantine/${action}`,
    roles: ['ops'],
    resource: 'feed',
    summary,
    description: `What \`…/quarantine/{transaction_id}/${action}\` does for one transaction, for up to ${decidedPostingsMax} at once${
      action === 'hold' ? '' : ', or for all that wait for one cause'
    }. What is possible is done and the rest is listed with its reason; 409 with the same lists when nothing was possible${
      action === 'hold' ? '' : '; 422 for an `all_of_code` that no transaction of the feed has had'
    }. Repeating the request changes nothing.`,
    params: feedParams,
    query: nothing,
    body: { schema, bytesMax: bodyBytesMax },
    answers: { 200: { description: 'What was decided', schema: decisionsSchema } },
    handle: async ({ deps, params, body }) => {
      const feed = await requireRutterFeed(deps, { feedId: params.feed_id, action });
      const { feedId } = feed;
      const decisions = await decideAll(deps, {
        feed,
        selection: body,
        decision: { feedId, action, reason: body.reason },
      });
      // Also for a repeat: the first call may have died before its signal.
      await deps.rutter.feedFactsChanged({ feedId });
      return answerOf(decisions, action);
    },
  });
}

interface Selection {
  readonly transaction_ids?: readonly string[] | undefined;
  readonly all_of_code?: string | undefined;
}

async function decideAll(
  deps: RutterDeps,
  input: { feed: FeedView; selection: Selection; decision: DecisionInput },
): Promise<Decisions> {
  const { feed, selection, decision } = input;
  const total: Decisions = {
    changed: 0,
    repeated: 0,
    refused: [],
    refused_total: 0,
    waits_for: null,
    has_more: false,
  };
  const decide = async (ids: readonly string[]): Promise<void> => {
    const result = await decidePostings(deps.pool, { ...decision, transactionIds: ids, as: 'list' });
    if (result.kind !== 'decided') {
      throw undecided(feed, { kind: result.kind, action: decision.action });
    }
    addTo(total, result, decision.action);
    if (decision.action === 'release') total.waits_for = result.waitsFor;
  };
  if (selection.all_of_code === undefined) {
    await decide([...new Set(selection.transaction_ids)]);
    return total;
  }
  let afterId: string | null = null;
  for (let decided = 0; ;) {
    const ids: string[] = await listPostingsOfCode(deps.pool, {
      feedId: decision.feedId,
      code: selection.all_of_code,
      afterId,
      limit: decidedPostingsMax,
    });
    const last = ids.at(-1);
    if (last === undefined) {
      if (afterId === null)
        await requireKnownCode(deps, { feedId: decision.feedId, code: selection.all_of_code });
      return total;
    }
    if (decided >= transactionsOfCodeMax) return { ...total, has_more: true };
    await decide(ids);
    decided += ids.length;
    afterId = last;
  }
}

/** A mistyped code is no success. A repeat is one: its postings no longer wait. @throws {Problem} 422 */
async function requireKnownCode(deps: RutterDeps, input: { feedId: string; code: string }): Promise<void> {
  if (await hasHadPostingsOfCode(deps.pool, input)) return;
  const message =
    'no waiting posting of the feed has this code: take it from the timeline entry posting_quarantined, or the hold_reason of the transaction';
  throw invalid({ status: 422, code: 'invalid_body', errors: [{ pointer: '/all_of_code', message }] });
}

function addTo(
  total: Decisions,
  result: Extract<DecisionResult, { kind: 'decided' }>,
  action: PostingAction,
): void {
  const refuse = (refusal: Decisions['refused'][number]): void => {
    total.refused_total += 1;
    if (total.refused.length < listedRefusalsMax) total.refused.push(refusal);
  };
  for (const { outcome, posting } of result.decided) {
    if (outcome === 'changed') total.changed += 1;
    else if (outcome === 'repeated') total.repeated += 1;
    else {
      const { code: refusalCode, detail } = explainWrongStatus(posting, action);
      refuse({
        transaction_id: posting.transactionId,
        code: refusalCode,
        reason: detail,
        delivery_status: posting.deliveryStatus,
        hold_reason: posting.holdReason,
        allowed_actions: allowedPostingActions(posting),
      });
    }
  }
  for (const id of result.unknown) {
    refuse({
      transaction_id: id,
      code: 'unknown_transaction',
      reason: 'the account of the feed has no transaction with this id',
      delivery_status: null,
      hold_reason: null,
      allowed_actions: [],
    });
  }
}

/** A selection of which nothing could be decided is no success that nobody reads. */
function answerOf(decisions: Decisions, action: PostingAction): RouteAnswer {
  const { changed, repeated, refused_total: refused } = decisions;
  if (changed + repeated > 0 || refused === 0) return { status: 200, body: decisions };
  throw new Problem({
    status: 409,
    code: 'nothing_decided',
    detail: `none of the ${refused} transactions allows ${action}: \`refused\` says why`,
    extra: decisions,
  });
}
