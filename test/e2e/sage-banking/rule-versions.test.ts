import { randomUUID } from 'node:crypto';
import { MockActivityEnvironment } from '@temporalio/testing';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createActivities } from '../../../src/activities/channels.js';
import { SageOutcomeUnknown } from '../../../src/clients/sage-banking/errors.js';
import { insertCommand } from '../../../src/db/commands.js';
import { readSageCommand } from '../../../src/db/sage-banking/commands.js';
import type { SageCommandInput } from '../../../src/db/sage-banking/command-types.js';
import { claimRulesWriter } from '../../../src/db/sage-banking/rules-writer.js';
import { makeSageAccount, type SageTestAccount } from '../../support/sage-banking/account.js';
import { createSageFixture, type SageFixture } from '../../support/sage-banking/fixture.js';

/* Versions of a rule: an `ETag` with every answer, and changes that are bound to one by `If-Match`. */

let fixture: SageFixture;
beforeAll(async () => {
  fixture = await createSageFixture();
});
afterAll(async () => {
  expect(await fixture.violations()).toEqual([]);
  await fixture.close();
});

const action = { splitPercentage: 100, accountsPostings: [{ type: 'nominal', code: '7200' }] };
const draft = (ruleName = `Rule ${randomUUID()}`) => ({
  ruleName,
  ruleConditions: [{ ruleField: 'checkNum', ruleOperation: 'eq', ruleCriteria: '1' }],
  ruleActions: [action],
});

async function makeRule(of?: SageTestAccount) {
  const account = of ?? (await makeSageAccount(fixture));
  const rules = `/v1/sage/accounts/${account.sageAccountId}/rules`;
  const created = await fixture.api('POST', rules, { json: draft() });
  expect(created.status).toBe(201);
  const ruleId = created.body.ruleId as string;
  return { account, rules, ruleId, path: `${rules}/${ruleId}`, etag: created.headers.get('etag')! };
}

async function nameAtSage({
  account,
  ruleId,
}: {
  account: SageTestAccount;
  ruleId: string;
}): Promise<string> {
  return (await fixture.deps.sage!.client.getRule({ ...account, ruleId })).ruleName;
}

describe('the entity tag of a rule', () => {
  it('comes with creating, reading, replacing and changing it, and is the same as long as the rule is', async () => {
    const { path, etag } = await makeRule();
    expect(etag).toMatch(/^"[0-9a-f]{32}"$/);
    const read = await fixture.api('GET', path);
    expect(read.headers.get('etag')).toBe(etag);
    const replaced = await fixture.api('PUT', path, { json: read.body });
    expect(replaced.headers.get('etag')).toBe(etag);
    const renamed = await fixture.api('PATCH', path, { json: { ruleName: 'Other' } });
    expect(renamed.status).toBe(200);
    expect(renamed.headers.get('etag')).not.toBe(etag);
    expect((await fixture.api('GET', path)).headers.get('etag')).toBe(renamed.headers.get('etag'));
  });

  it('comes again with the repeat of a creation under its Idempotency-Key', async () => {
    const { rules } = await makeRule();
    const json = draft();
    const key = randomUUID();
    const [first, again] = [
      await fixture.api('POST', rules, { json, key }),
      await fixture.api('POST', rules, { json, key }),
    ];
    expect([again.status, again.body]).toEqual([201, first.body]);
    expect(again.headers.get('idempotency-replayed')).toBe('true');
    expect(first.headers.get('etag')).toMatch(/^"[0-9a-f]{32}"$/);
    expect(again.headers.get('etag')).toBe(first.headers.get('etag'));
  });

  it('changes when another rule takes its rank', async () => {
    const { account, path, etag } = await makeRule();
    const other = await makeRule(account);
    expect((await fixture.api('PATCH', other.path, { json: { ruleRank: 1 } })).status).toBe(200);
    expect((await fixture.api('GET', path)).headers.get('etag')).not.toBe(etag);
  });
});

describe('a change bound to a version', () => {
  it.each([
    ['PUT', () => draft('Mine')],
    ['PATCH', () => ({ ruleName: 'Mine' })],
  ] as const)(
    'by %s is made while the rule has it, and 412 with nothing changed after another change',
    async (method, json) => {
      const rule = await makeRule();
      const other = await fixture.api('PATCH', rule.path, {
        json: { ruleName: 'Theirs' },
        ifMatch: rule.etag,
      });
      expect(other.status).toBe(200);
      const late = await fixture.api(method, rule.path, { json: json(), ifMatch: rule.etag });
      expect(late).toMatchObject({ status: 412, body: { code: 'precondition_failed' } });
      expect(late.headers.get('etag')).toBe(other.headers.get('etag'));
      expect(await nameAtSage(rule)).toBe('Theirs');
      const again = await fixture.api(method, rule.path, {
        json: json(),
        ifMatch: late.headers.get('etag')!,
      });
      expect([again.status, await nameAtSage(rule)]).toEqual([200, 'Mine']);
    },
  );

  it('by DELETE is 412 after another change, and deletes the version it names', async () => {
    const rule = await makeRule();
    const other = await fixture.api('PATCH', rule.path, { json: { ruleName: 'Theirs' } });
    expect((await fixture.api('DELETE', rule.path, { ifMatch: rule.etag })).status).toBe(412);
    expect(await nameAtSage(rule)).toBe('Theirs');
    const etag = other.headers.get('etag')!;
    expect((await fixture.api('DELETE', rule.path, { ifMatch: etag })).status).toBe(200);
    expect((await fixture.api('DELETE', rule.path, { ifMatch: etag })).status).toBe(404);
  });

  it('is made once of many at the same time, whatever their order', async () => {
    const rule = await makeRule();
    const answers = await Promise.all(
      Array.from({ length: 5 }, (_, index) =>
        fixture.api(index % 2 === 0 ? 'PUT' : 'PATCH', rule.path, {
          json: { ...draft(`Writer ${String(index)}`) },
          ifMatch: rule.etag,
        }),
      ),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 412, 412, 412, 412]);
    const winner = answers.find(({ status }) => status === 200)!;
    expect(await nameAtSage(rule)).toBe(winner.body.ruleName);
  });

  it('is made without a version in any case, with a list when one fits, and never with a weak one', async () => {
    const rule = await makeRule();
    const change = (ifMatch?: string) =>
      fixture.api('PATCH', rule.path, {
        json: { ruleName: `Rule ${randomUUID()}` },
        ...(ifMatch === undefined ? {} : { ifMatch }),
      });
    expect((await change()).status).toBe(200);
    expect((await change('*')).status).toBe(200);
    const etag = async () => (await fixture.api('GET', rule.path)).headers.get('etag')!;
    expect((await change(`"other", ${await etag()}`)).status).toBe(200);
    expect((await change(`W/${await etag()}`)).status).toBe(412);
    expect((await change('"other"')).status).toBe(412);
    for (const malformed of ['other', '"a" "b"', '"a", other', '']) {
      const answer = await change(malformed);
      expect(answer, malformed).toMatchObject({ status: 400, body: { code: 'bad_if_match' } });
    }
  });

  it('of a rule that does not exist is 404', async () => {
    const { rules } = await makeRule();
    const answer = await fixture.api('PUT', `${rules}/none`, { json: draft(), ifMatch: '"a"' });
    expect(answer).toMatchObject({ status: 404, body: { code: 'rule_not_found' } });
  });
});

describe('a bound change whose answer was lost', () => {
  async function runTwice(input: SageCommandInput, between: () => Promise<unknown>) {
    const commandId = randomUUID();
    const kind = 'sage_amend_rule';
    await insertCommand(fixture.pool, { commandId, customerId: null, kind, input, secretSealed: null });
    const sage = fixture.deps.sage!;
    const client: typeof sage.client = {
      ...sage.client,
      amendRule: async (call) => {
        await sage.client.amendRule(call);
        throw new SageOutcomeUnknown({ operation: 'amendRule', reason: 'connection_lost' });
      },
    };
    const run = (deps: typeof fixture.deps) =>
      new MockActivityEnvironment().run(createActivities(deps).providerRunCommand, {
        commandId,
        channel: 'sage-banking' as const,
      });
    await expect(run({ ...fixture.deps, sage: { ...sage, client } })).rejects.toThrow();
    await between();
    await run(fixture.deps);
    return await readSageCommand(fixture.pool, { commandId });
  }

  it('is done when the rule is as it wanted, and not sent again over a later change', async () => {
    const rule = await makeRule();
    const input = {
      sage_account_id: rule.account.sageAccountId,
      rule_id: rule.ruleId,
      rule: { ruleName: 'Wanted' },
      if_match: [rule.etag],
    };
    const done = await runTwice(input, () => Promise.resolve());
    expect(done).toMatchObject({ state: 'done', result: { ruleName: 'Wanted' } });

    const second = await makeRule();
    const lost = await runTwice(
      {
        ...input,
        sage_account_id: second.account.sageAccountId,
        rule_id: second.ruleId,
        if_match: [second.etag],
      },
      () =>
        fixture.deps.sage!.client.amendRule({
          ...second.account,
          ruleId: second.ruleId,
          changes: { ruleName: 'Later' },
        }),
    );
    expect(lost).toMatchObject({ state: 'failed', problem: { code: 'superseded' } });
    expect(await nameAtSage(second)).toBe('Later');
  });
});

describe('the one writer of an account’s rules', () => {
  it('keeps others out until it ends or its claim does', async () => {
    const { account } = await makeRule();
    const [one, other] = [randomUUID(), randomUUID()];
    const claim = (commandId: string, leaseMs: number) =>
      claimRulesWriter(fixture.pool, { ...account, commandId, leaseMs });
    expect(await claim(one, 60_000)).toBe(true);
    expect(await claim(other, 60_000)).toBe(false);
    expect(await claim(one, -1)).toBe(true);
    expect(await claim(other, 60_000)).toBe(true);
    expect(await claim(one, 60_000)).toBe(false);
  });
});
