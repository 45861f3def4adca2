import { historyToJSON } from '@temporalio/common/lib/proto-utils.js';
import {
  providerCommandWorkflowId,
  sageBankLinkWorkflowId,
  sageBankAccountWorkflowId,
  sageOnboardingWorkflowId,
  sageReprocessWorkflowId,
} from '../../../src/domain/ids.js';
import { decryptPayload } from '../../../src/temporal/codec.js';
import { payloadsOf } from '../../support/histories.js';
import { listCompanies, type Actors } from './actors.js';
import type { SageBankingFixture } from './fixture.js';

/** The most events of a workflow run in these simulations: an unused bank consent is polled sixty times. */
const eventsMax = 1_200;
/** Parts of poll routes and of the addresses to which customers are sent. They must not occur anywhere. */
const secretMarks = ['linkpolls', 'signature=', 'authorisation_id', 'redirect_uri'];

/** All workflows have completed, and no secret is in their histories or on the timeline. */
export async function checkHistories(fixture: SageBankingFixture, actors: Actors): Promise<string[]> {
  const secrets = [...secretMarks, ...(await secretsOf(fixture, actors))].filter((secret) => secret !== '');
  const found: string[] = [];
  for (const workflowId of await workflowIdsOf(fixture, actors)) {
    const handle = fixture.client.workflow.getHandle(workflowId);
    const { status } = await handle.describe();
    if (status.name !== 'COMPLETED') found.push(`${workflowId} is ${status.name} at the end`);
    const history = await handle.fetchHistory();
    const events = history.events?.length ?? 0;
    if (events > eventsMax) found.push(`a run of ${workflowId} has ${String(events)} events`);
    const raw = historyToJSON(history);
    const clear = payloadsOf(JSON.parse(raw))
      .map((payload) => Buffer.from(decryptPayload(fixture.keyring, payload).data ?? []).toString('utf8'))
      .join('\n');
    if (secrets.some((secret) => clear.includes(secret) || raw.includes(secret)))
      found.push(`a secret is in the history of ${workflowId}`);
  }
  const { rows } = await fixture.pool.query<{ kind: string; detail: string }>(
    `SELECT kind, detail::text AS detail FROM timeline WHERE customer_id = ANY ($1)`,
    [customersOf(actors)],
  );
  for (const { kind, detail } of rows) {
    if (secrets.some((secret) => detail.includes(secret))) found.push(`a secret is on the timeline: ${kind}`);
  }
  return found;
}

function customersOf({ customers }: Actors): string[] {
  return customers.map(({ customerId }) => customerId);
}

async function secretsOf(fixture: SageBankingFixture, actors: Actors): Promise<string[]> {
  const keys: string[] = [];
  for (const { organisationId } of await listCompanies(fixture, actors)) {
    const path = `/organisations/${organisationId}/key`;
    keys.push(((await fixture.control('GET', path)) as { signing_key: string }).signing_key);
  }
  return [...actors.secrets, ...keys];
}

const tables = [
  ['sage_onboardings', 'onboarding_id', sageOnboardingWorkflowId],
  ['sage_links', 'link_id', sageBankLinkWorkflowId],
  ['sage_accounts', 'sage_account_id', sageBankAccountWorkflowId],
  ['sage_reprocesses', 'reprocess_id', sageReprocessWorkflowId],
  ['commands', 'command_id', providerCommandWorkflowId],
] as const;

async function workflowIdsOf({ pool }: SageBankingFixture, actors: Actors): Promise<string[]> {
  const ids = await Promise.all(
    tables.map(async ([table, column, workflowIdOf]) => {
      const { rows } = await pool.query<{ id: string }>(
        `SELECT ${column} AS id FROM ${table} WHERE customer_id = ANY ($1)`,
        [customersOf(actors)],
      );
      return rows.map(({ id }) => workflowIdOf(id));
    }),
  );
  return ids.flat();
}
