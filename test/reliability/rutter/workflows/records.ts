import type { FaultSpec } from '../../../../sandbox/rutter/faults.js';
import { checkRun } from '../checker.js';
import type { SentBatch } from '../traffic.js';
import type { Actors } from './actors.js';
import type { SimulationFixture } from './fixture.js';
import type { SimulationPlan } from './plan.js';
import type { PlannedWatch } from './watch.js';

/** Halving a refused batch down to each of its bad postings takes at most these. */
const postsPerRefusal = 25;
/** Cut before the change was seen, sent after. */
const postsOnTheWay = 2;

const refusalKinds: ReadonlySet<string> = new Set(['status', 'platform_bad_request', 'poison']);
const passingStatuses: ReadonlySet<number> = new Set([429, 452]);

/** Whether a fault refuses postings: whichever it hits alone may stand quarantined. */
function isRefusal({ kind, http_status: status }: FaultSpec): boolean {
  if (kind !== 'job_failure') return refusalKinds.has(kind);
  return status !== undefined && status < 500 && !passingStatuses.has(status);
}

/** Poisoned ones, and any that went alone while something refused batches. */
function poisonedIds(specs: readonly FaultSpec[], batches: readonly SentBatch[]): string[] {
  const alone = batches.filter((sent) => sent.transactionIds.length === 1);
  return [
    ...specs.flatMap((spec) => spec.transaction_ids ?? []),
    ...alone.flatMap((sent) => sent.transactionIds),
  ];
}

/** Core banking's books, our tables and the sandbox's book beside each other. */
export async function checkRecords(
  fixture: SimulationFixture,
  { plan, actors, watch }: { plan: SimulationPlan; actors: Actors; watch: PlannedWatch },
): Promise<string[]> {
  const { pool, control } = fixture;
  const { batches, failures } = watch.traffic;
  const specs = plan.steps.flatMap(({ step }) => (step.kind === 'fault' ? [step.spec] : []));
  const refuses = specs.some(isRefusal);
  const refusedPosts = refuses ? postsPerRefusal * specs.length : 0;
  const changes = plan.steps.filter(
    ({ step }) => step.kind === 'select' || step.kind === 'disconnect',
  ).length;
  return await checkRun({
    ...{ pool, control, bank: actors.bank, feeds: actors.feeds, batches },
    excuses: {
      ...{ resent: false, lies: false, accepted: new Set<string>() },
      // Postings whose quarantine was taken back come after the cursor's place, too: they go again marked late.
      omissions: refuses || specs.some((spec) => spec.kind === 'omit_from_answer'),
      poisoned: new Set(refuses ? poisonedIds(specs, batches) : []),
      postsUnderUnseenChange: watch.unseen.posts() + changes * postsOnTheWay,
      extraPosts: failures + watch.attempts + refusedPosts,
      cutsMax: plan.steps.length * actors.feeds.length,
    },
  });
}
