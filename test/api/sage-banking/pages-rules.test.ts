import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readSageAccount } from '../../../src/db/sage-banking/accounts.js';
import { accessOf, readSageCompany } from '../../../src/db/sage-banking/companies.js';
import { storePage } from '../../../src/db/sage-banking/transactions.js';
import { makeSageAccount, someLines } from '../../support/sage-banking/account.js';
import { createSageFixture, type SageFixture } from '../../support/sage-banking/fixture.js';
import type { PageAnswer } from '../pages-fixture.js';
import { hiddenValue, send, completed, signInTo, textOf, type SageCustomer } from './pages-fixture.js';

let fixture: SageFixture;
beforeAll(async () => {
  fixture = await createSageFixture();
});
afterAll(async () => {
  await fixture.close();
});

interface RuleDesk extends SageCustomer {
  readonly sageAccountId: string;
  readonly bankAccountId: string;
  readonly base: string;
}

/** A customer with an account of three card payments and a fee. */
async function ruleDesk(): Promise<RuleDesk> {
  const customer = await signInTo(fixture);
  const lines = [
    ...someLines(3, 'CARD'),
    { transactionAmount: -12.5, datePosted: '2024-03-06', narrative1: 'FEE MARCH' },
  ];
  const { sageAccountId, bankAccountId } = await makeSageAccount(fixture, {
    ...customer,
    transactions: lines,
  });
  return { ...customer, sageAccountId, bankAccountId, base: `/status/sage/accounts/${sageAccountId}` };
}

/** What the form of a rule sends when its rows are filled in. */
function filled(
  name: string,
  rule: {
    conditions?: readonly (readonly [field: string, operation: string, criteria: string])[];
    actions?: readonly {
      percentage: string;
      narrative?: string;
      postings?: readonly (readonly [type: string, code: string])[];
    }[];
  } = {},
): Record<string, string> {
  const conditions = rule.conditions ?? [['transactionNarrative', 'contains', 'FEE']];
  const actions = rule.actions ?? [{ percentage: '100' }];
  const fields: Record<string, string> = { rule_name: name };
  for (const [index, [field, operation, criteria]] of conditions.entries()) {
    Object.assign(fields, {
      [`condition_${String(index)}_field`]: field,
      [`condition_${String(index)}_operation`]: operation,
      [`condition_${String(index)}_criteria`]: criteria,
    });
  }
  for (const [index, action] of actions.entries()) {
    fields[`action_${String(index)}_percentage`] = action.percentage;
    fields[`action_${String(index)}_narrative`] = action.narrative ?? '';
    for (const [posting, [type, code]] of (action.postings ?? [['NOMINAL', '7500']]).entries()) {
      fields[`action_${String(index)}_posting_${String(posting)}_type`] = type;
      fields[`action_${String(index)}_posting_${String(posting)}_code`] = code;
    }
  }
  return fields;
}

async function newRuleForm({ visitor, base }: RuleDesk): Promise<PageAnswer> {
  return await visitor.get(`${base}/new-rule`);
}

async function saveNew(desk: RuleDesk, fields: Record<string, string>) {
  const form = await newRuleForm(desk);
  const answer = await send(desk.visitor, form, `${desk.base}/new-rule`, { ...fields, do: 'save' });
  expect(answer.status).toBe(303);
  return await completed(desk.visitor, answer.location!);
}

/** The rules as Sage has them. */
async function rulesAtSage({ bankAccountId }: RuleDesk): Promise<
  {
    ruleId: string;
    ruleName: string;
    ruleRank: number;
    ruleConditions: unknown;
    ruleActions: unknown;
    ruleAdditionalFields?: unknown;
  }[]
> {
  const { rules } = await fixture.control('GET', `/accounts/${bankAccountId}`);
  return rules;
}

/** Changes a rule at Sage, past this service. */
async function changeAtSage(desk: RuleDesk, ruleId: string, changes: { ruleName: string }): Promise<void> {
  const account = await readSageAccount(fixture.pool, desk);
  const company = await readSageCompany(fixture.pool, account!);
  const access = accessOf(fixture.keyring, company!);
  await fixture.deps.sage!.client.amendRule({ access, bankAccountId: desk.bankAccountId, ruleId, changes });
}

const namesByRank = async (desk: RuleDesk) =>
  [...(await rulesAtSage(desk))]
    .sort((one, other) => one.ruleRank - other.ruleRank)
    .map(({ ruleName }) => ruleName);

describe('a new rule', () => {
  test('is saved at Sage as it was typed, once however often the button is pressed', async () => {
    const desk = await ruleDesk();
    const form = await newRuleForm(desk);
    const fields = filled('Fees & <charges>', {
      conditions: [
        ['transactionNarrative', 'contains', 'FEE '],
        ['transactionAmount', 'lt', '-5'],
      ],
      actions: [
        {
          percentage: '33.3',
          narrative: 'bank fee',
          postings: [
            ['NOMINAL', '7500'],
            ['TAX', 'T1'],
          ],
        },
        { percentage: '100' },
      ],
    });
    const path = `${desk.base}/new-rule`;
    const [first, second] = [
      await send(desk.visitor, form, path, { ...fields, do: 'save' }),
      await send(desk.visitor, form, path, { ...fields, do: 'save' }),
    ];
    expect(second.location).toBe(first.location);
    const list = await completed(desk.visitor, first.location!);
    expect(list.path).toBe(`${desk.base}/rules?saved=1`);
    expect(textOf(list)).toContain('Fees & <charges>');
    expect(list.text).not.toContain('<charges>');
    expect(await rulesAtSage(desk)).toMatchObject([
      {
        ruleName: 'Fees & <charges>',
        ruleRank: 1,
        ruleConditions: [
          { ruleField: 'transactionNarrative', ruleOperation: 'contains', ruleCriteria: 'FEE ' },
          { ruleField: 'transactionAmount', ruleOperation: 'lt', ruleCriteria: '-5' },
        ],
        ruleActions: [
          {
            splitPercentage: 33.3,
            accountantNarrative: 'bank fee',
            accountsPostings: [
              { type: 'NOMINAL', code: '7500' },
              { type: 'TAX', code: 'T1' },
            ],
          },
          { splitPercentage: 100, accountsPostings: [{ type: 'NOMINAL', code: '7500' }] },
        ],
      },
    ]);
    expect(await fixture.violations()).toEqual([]);
  });

  test('keeps all that was typed while rows are added and removed, and nothing goes to Sage', async () => {
    const desk = await ruleDesk();
    const path = `${desk.base}/new-rule`;
    const fields = filled('Typed', { conditions: [['transactionNarrative', 'eq', ' a "b" ']] });
    let page = await newRuleForm(desk);
    page = await send(desk.visitor, page, path, { ...fields, do: 'add_condition' });
    expect(page.status).toBe(200);
    expect(page.text).toContain('value=" a &quot;b&quot; "');
    expect(page.text).toContain('name="condition_1_field"');
    page = await send(desk.visitor, page, path, { ...fields, do: 'add_posting 0' });
    expect(page.text).toContain('name="action_0_posting_1_code"');
    const two = filled('Typed', {
      conditions: [
        ['transactionNarrative', 'eq', 'first'],
        ['datePosted', 'ge', 'second'],
      ],
      actions: [
        { percentage: '40' },
        {
          percentage: '100',
          postings: [
            ['A', '1'],
            ['B', '2'],
          ],
        },
      ],
    });
    page = await send(desk.visitor, page, path, { ...two, do: 'remove_condition 0' });
    expect(page.text).toContain('value="second"');
    expect(page.text).not.toContain('value="first"');
    page = await send(desk.visitor, page, path, { ...two, do: 'remove_posting 1 0' });
    expect(page.text).toContain('value="2"');
    expect(page.text).not.toContain('name="action_1_posting_1_code"');
    page = await send(desk.visitor, page, path, { ...two, do: 'remove_action 0' });
    expect(page.text).not.toContain('value="40"');
    expect(await rulesAtSage(desk)).toEqual([]);
  });

  test.each([
    [
      'an operation that the field does not take',
      { conditions: [['datePosted', 'eq', '2024-03-05']] },
      'For one day, give two conditions: “is at least, or from” that day',
    ],
    ['an unknown field', { conditions: [['shoeSize', 'eq', '4']] }, 'Choose a field of the list'],
    [
      'an amount that is none',
      { conditions: [['transactionAmount', 'gt', 'ten']] },
      'Enter an amount with a point',
    ],
    [
      'splits that do not work out',
      { actions: [{ percentage: '50' }, { percentage: '50' }] },
      'Enter 100: the last part takes all that is left',
    ],
    ['a percentage that is no number', { actions: [{ percentage: 'half' }] }, 'Enter a number, as in 33.3'],
    ['no condition', { conditions: [] }, 'Give at least one condition'],
    ['no posting', { actions: [{ percentage: '100', postings: [['', '']] }] }, 'Enter something here'],
    [
      'a comparison of another field',
      { conditions: [['transactionAmount', 'contains', '5']] },
      'Amount is compared by: is; is above or after; is at least, or from;',
    ],
    ['a wildcard', { conditions: [['transactionNarrative', 'contains', 'FEE*']] }, 'Leave out * and ?'],
    ['a date that is none', { conditions: [['datePosted', 'ge', 'May']] }, 'as in 2026-02-03'],
    ['neither credit nor debit', { conditions: [['$baseType', 'eq', 'in']] }, 'Enter credit for money in'],
    ['no value', { conditions: [['currency', 'eq', ' ']] }, 'Enter something here'],
    [
      'all of it in an earlier part',
      { actions: [{ percentage: '100' }, { percentage: '100' }] },
      'Enter less than 100',
    ],
    [
      'nothing for a part',
      { actions: [{ percentage: '0' }, { percentage: '100' }] },
      'above 0 and below 100',
    ],
    [
      'a part that is too fine',
      { actions: [{ percentage: '0.00001' }, { percentage: '100' }] },
      'at most 4 digits after the point',
    ],
  ] as const)(
    'with %s comes back with the error beside its field, and nothing goes to Sage',
    async (_case, rule, words) => {
      const desk = await ruleDesk();
      const form = await newRuleForm(desk);
      for (const step of ['save', 'dry_run']) {
        const fields = filled('Bad', rule);
        const answer = await send(desk.visitor, form, `${desk.base}/new-rule`, { ...fields, do: step });
        expect(answer.status).toBe(422);
        expect(textOf(answer)).toContain(words);
        expect(answer.text).toContain('class="error"');
        expect(answer.text).toContain('value="Bad"');
        expect(textOf(answer)).not.toContain('Check this entry');
      }
      const { rows } = await fixture.pool.query(`SELECT 1 FROM commands WHERE customer_id = $1`, [
        desk.customerId,
      ]);
      expect(rows).toEqual([]);
      expect(await rulesAtSage(desk)).toEqual([]);
      const recorded = await fixture.pool.query(
        `SELECT detail FROM timeline WHERE feed_id = $1 AND kind = 'sage_rule_refused'`,
        [desk.sageAccountId],
      );
      expect(recorded.rows).toHaveLength(2);
      expect(JSON.stringify(recorded.rows)).toMatch(/"pointers":\["\/rule/);
      expect(JSON.stringify(recorded.rows)).not.toContain('Bad');
    },
  );

  test('of a name that is taken comes back in its form, to be saved under another', async () => {
    const desk = await ruleDesk();
    await saveNew(desk, filled('Fees'));
    const refused = await saveNew(desk, filled('Fees', { conditions: [['transactionAmount', 'gt', '77']] }));
    expect(refused.status).toBe(409);
    expect(textOf(refused)).toContain('Another rule of the account has this name already');
    expect(refused.text).toContain('value="77"');
    const again = await send(desk.visitor, refused, `${desk.base}/new-rule`, {
      ...filled('Large', { conditions: [['transactionAmount', 'gt', '77']] }),
      do: 'save',
    });
    await completed(desk.visitor, again.location!);
    expect(await namesByRank(desk)).toEqual(['Fees', 'Large']);
  });

  test('changed after going back is refused under the used id, and the one that was saved stays', async () => {
    const desk = await ruleDesk();
    const form = await newRuleForm(desk);
    const path = `${desk.base}/new-rule`;
    const saved = await send(desk.visitor, form, path, { ...filled('First'), do: 'save' });
    await completed(desk.visitor, saved.location!);
    const stale = await send(desk.visitor, form, path, { ...filled('Second'), do: 'save' });
    expect(stale.status).toBe(409);
    expect(await namesByRank(desk)).toEqual(['First']);
  });

  test('with an unknown button is refused', async () => {
    const desk = await ruleDesk();
    const form = await newRuleForm(desk);
    for (const step of ['', 'drop_table', 'remove_condition x', 'remove_posting 1']) {
      const answer = await send(desk.visitor, form, `${desk.base}/new-rule`, { ...filled('X'), do: step });
      expect(answer.status).toBe(400);
    }
  });
});

describe('trying out', () => {
  test('shows which stored transactions the rule would hit, how it would split them, and saves nothing', async () => {
    const desk = await ruleDesk();
    const form = await newRuleForm(desk);
    const fields = filled('Fees', { actions: [{ percentage: '50' }, { percentage: '100' }] });
    const answer = await send(desk.visitor, form, `${desk.base}/new-rule`, { ...fields, do: 'dry_run' });
    const tried = await completed(desk.visitor, answer.location!);
    expect(textOf(tried)).toContain('1 of the 4 transactions that are here');
    expect(textOf(tried)).toContain('FEE MARCH');
    expect(textOf(tried)).toContain('−6.25 GBP + −6.25 GBP');
    expect(textOf(tried)).not.toContain('CARD 1');
    expect(tried.text).toContain('value="Fees"');
    expect(await rulesAtSage(desk)).toEqual([]);
    const saved = await send(desk.visitor, tried, `${desk.base}/new-rule`, { ...fields, do: 'save' });
    await completed(desk.visitor, saved.location!);
    expect(await namesByRank(desk)).toEqual(['Fees']);
  });

  test('reports when nothing would be hit, and when a rule above takes it first', async () => {
    const desk = await ruleDesk();
    await saveNew(desk, filled('Fees'));
    const form = await newRuleForm(desk);
    const path = `${desk.base}/new-rule`;
    const none = filled('None', { conditions: [['transactionAmount', 'gt', '1000']] });
    const nothing = await send(desk.visitor, form, path, { ...none, do: 'dry_run' });
    expect(textOf(await completed(desk.visitor, nothing.location!))).toContain('None of the 4 transactions');
    const all = filled('All out', { conditions: [['$baseType', 'eq', 'debit']] });
    const some = await send(desk.visitor, form, path, { ...all, do: 'dry_run' });
    const words = textOf(await completed(desk.visitor, some.location!));
    expect(words).toContain('4 of the 4 transactions');
    expect(words).toContain('rules above it would take 1 first');
  });
});

test('a preview and the account name the same day, which is that of the customer’s zone', async () => {
  const desk = await ruleDesk();
  const transactions = [
    {
      transactionId: 1_001,
      transactionAmount: -1,
      transactionNarrative: 'LATE',
      datePosted: '2026-11-21T23:30:00-05:00',
    },
  ];
  await storePage(fixture.pool, { ...desk, transactions, endIndex: 1_001 });
  for (const [timeZone, day] of [
    [null, '2026-11-22'],
    ['America/New_York', '2026-11-21'],
    ['Asia/Tokyo', '2026-11-22'],
  ] as const) {
    await fixture.pool.query(`UPDATE customers SET time_zone = $2 WHERE customer_id = $1`, [
      desk.customerId,
      timeZone,
    ]);
    expect(textOf(await desk.visitor.get(desk.base))).toContain(`${day} LATE`);
    const conditions = [
      ['datePosted', 'ge', day],
      ['datePosted', 'le', day],
    ] as const;
    const fields = { ...filled('Day', { conditions }), do: 'dry_run' };
    const answer = await send(desk.visitor, await newRuleForm(desk), `${desk.base}/new-rule`, fields);
    const preview = textOf(await completed(desk.visitor, answer.location!));
    expect(preview).toContain('1 of the 5 transactions');
    expect(preview).toContain(`${day} LATE`);
  }
});

test('a rule that is edited does not conflict with itself, and a name in use is reported', async () => {
  const desk = await ruleDesk();
  await saveNew(desk, filled('Fees'));
  await saveNew(desk, filled('Cards', { conditions: [['transactionNarrative', 'contains', 'CARD']] }));
  const fees = (await rulesAtSage(desk)).find(({ ruleName }) => ruleName === 'Fees')!;
  const path = `${desk.base}/rules/${fees.ruleId}`;
  const form = await completed(desk.visitor, path);
  const tryOut = async (name: string) => {
    const answer = await send(desk.visitor, form, path, { ...filled(name), do: 'dry_run' });
    return textOf(await completed(desk.visitor, answer.location!));
  };
  const renamed = await tryOut('Charges');
  expect(renamed).toContain('1 of the 4 transactions');
  expect(renamed).not.toContain('rules above it');
  expect(renamed).not.toContain('has this name already');
  expect(await tryOut('Fees')).not.toContain('has this name already');
  expect(await tryOut('Cards')).toContain('has this name already');
});

describe('a rule that was changed since its form was opened', () => {
  const unescaped = (text: string) =>
    text.replaceAll('&quot;', '"').replaceAll('&#39;', "'").replaceAll('&amp;', '&');
  const versionIn = (page: PageAnswer) => ({
    etag: unescaped(hiddenValue(page, 'etag')),
    based_on: unescaped(hiddenValue(page, 'based_on')),
  });

  test('is not saved over: the page shows who changed what, keeps what was typed, and saves it when asked again', async () => {
    const desk = await ruleDesk();
    await saveNew(desk, filled('Fees'));
    const { ruleId } = (await rulesAtSage(desk))[0]!;
    const path = `${desk.base}/rules/${ruleId}`;
    const form = await completed(desk.visitor, path);
    const api = `/v1/sage/accounts/${desk.sageAccountId}/rules/${ruleId}`;
    expect((await fixture.api('PATCH', api, { json: { ruleName: 'Charges' } })).status).toBe(200);

    const fields = { ...filled('Bank fees'), ...versionIn(form), do: 'save' };
    const answer = await send(desk.visitor, form, path, fields);
    const conflict = await completed(desk.visitor, answer.location!);
    expect(conflict.status).toBe(409);
    expect(textOf(conflict)).toContain('was changed since you opened it');
    expect(textOf(conflict)).toMatch(/Your bank’s own system changed the rule, on \d+ /);
    expect(textOf(conflict)).toContain('Name: “Fees” → “Charges”');
    expect(textOf(conflict)).not.toContain('Conditions: ');
    expect(conflict.text).toContain('value="Bank fees"');
    expect((await rulesAtSage(desk))[0]!.ruleName).toBe('Charges');

    const second = await send(desk.visitor, conflict, path, { ...fields, ...versionIn(conflict) });
    expect((await completed(desk.visitor, second.location!)).path).toContain('/rules?saved=1');
    expect((await rulesAtSage(desk))[0]!.ruleName).toBe('Bank fees');
  });

  test('in Sage itself is reported as that; with a version added and removed rows keep', async () => {
    const desk = await ruleDesk();
    await saveNew(desk, filled('Fees'));
    const { ruleId } = (await rulesAtSage(desk))[0]!;
    const path = `${desk.base}/rules/${ruleId}`;
    const form = await completed(desk.visitor, path);
    const added = await send(desk.visitor, form, path, {
      ...filled('Fees 2'),
      ...versionIn(form),
      do: 'add_condition',
    });
    expect(versionIn(added)).toEqual(versionIn(form));
    await changeAtSage(desk, ruleId, { ruleName: 'Renamed in Sage' });
    const answer = await send(desk.visitor, added, path, {
      ...filled('Fees 2'),
      ...versionIn(added),
      do: 'save',
    });
    const conflict = textOf(await completed(desk.visitor, answer.location!));
    expect(conflict).toContain('was changed in Sage, or another rule was moved');
    expect(conflict).toContain('Name: “Fees” → “Renamed in Sage”');
  });

  test('is neither moved nor deleted by an older page', async () => {
    const desk = await ruleDesk();
    for (const name of ['A', 'B']) await saveNew(desk, filled(name));
    const ruleB = (await rulesAtSage(desk)).find(({ ruleName }) => ruleName === 'B')!;
    const list = await completed(desk.visitor, `${desk.base}/rules`);
    const question = await completed(desk.visitor, `${desk.base}/rules/${ruleB.ruleId}/delete`);
    const version = versionIn(question);
    expect(list.text).toContain(version.etag.replaceAll('"', '&quot;'));
    await changeAtSage(desk, ruleB.ruleId, { ruleName: 'B2' });
    const moved = await send(desk.visitor, list, `${desk.base}/rules/${ruleB.ruleId}/move`, {
      rank: '1',
      ...version,
    });
    expect(textOf(await completed(desk.visitor, moved.location!))).toContain('so nothing was done');
    const deleted = await send(desk.visitor, question, `${desk.base}/rules/${ruleB.ruleId}/delete`, version);
    expect(textOf(await completed(desk.visitor, deleted.location!))).toContain('so nothing was done');
    expect((await rulesAtSage(desk)).map(({ ruleName }) => ruleName)).toEqual(['A', 'B2']);
  });
});

describe('the list', () => {
  test('moves rules up and down, and Sage has them in that order', async () => {
    const desk = await ruleDesk();
    for (const name of ['A', 'B', 'C']) await saveNew(desk, filled(name));
    const list = await completed(desk.visitor, `${desk.base}/rules`);
    expect(list.text.indexOf('Move rule A down')).toBeGreaterThan(0);
    expect(list.text).not.toContain('Move rule A up');
    expect(list.text).not.toContain('Move rule C down');
    const ruleC = (await rulesAtSage(desk)).find(({ ruleName }) => ruleName === 'C')!;
    const moved = await send(desk.visitor, list, `${desk.base}/rules/${ruleC.ruleId}/move`, { rank: '2' });
    await completed(desk.visitor, moved.location!);
    expect(await namesByRank(desk)).toEqual(['A', 'C', 'B']);
    for (const rank of ['0', '-1', 'first', '']) {
      const answer = await send(desk.visitor, list, `${desk.base}/rules/${ruleC.ruleId}/move`, { rank });
      expect(answer.status).toBe(400);
    }
  });

  test('edits a rule without touching its rank and the fields that the form does not show', async () => {
    const desk = await ruleDesk();
    await saveNew(desk, filled('A'));
    const created = await fixture.api('POST', `/v1/sage/accounts/${desk.sageAccountId}/rules`, {
      json: {
        ruleName: 'B',
        ruleConditions: [
          { ruleField: 'transactionNarrative', ruleOperation: 'contains', ruleCriteria: ' X' },
        ],
        ruleActions: [{ splitPercentage: 100, accountsPostings: [{ type: 'NOMINAL', code: '1' }] }],
        ruleAdditionalFields: [{ name: 'department', value: '9' }],
        ruleRank: 1,
      },
    });
    const ruleId: string = created.body.ruleId;
    const form = await completed(desk.visitor, `${desk.base}/rules/${ruleId}`);
    expect(form.text).toContain('value=" X"');
    const fields = filled('B2', { conditions: [['transactionNarrative', 'contains', ' X']] });
    const saved = await send(desk.visitor, form, `${desk.base}/rules/${ruleId}`, { ...fields, do: 'save' });
    await completed(desk.visitor, saved.location!);
    expect(await namesByRank(desk)).toEqual(['B2', 'A']);
    const rule = (await rulesAtSage(desk)).find((one) => one.ruleId === ruleId)!;
    expect(rule.ruleAdditionalFields).toEqual([{ name: 'department', value: '9' }]);
  });

  test('deletes a rule after asking once more', async () => {
    const desk = await ruleDesk();
    await saveNew(desk, filled('Old one'));
    const { ruleId } = (await rulesAtSage(desk))[0]!;
    const question = await completed(desk.visitor, `${desk.base}/rules/${ruleId}/delete`);
    expect(textOf(question)).toContain('Delete rule Old one?');
    expect(await namesByRank(desk)).toEqual(['Old one']);
    const answer = await send(desk.visitor, question, `${desk.base}/rules/${ruleId}/delete`);
    expect(textOf(await completed(desk.visitor, answer.location!))).toContain('There are no rules yet');
    expect(await rulesAtSage(desk)).toEqual([]);
    expect((await completed(desk.visitor, `${desk.base}/rules/${ruleId}`)).status).toBe(404);
  });

  test('of an account that is disconnected is closed, and names where its rules can be restored', async () => {
    const desk = await ruleDesk();
    const form = await newRuleForm(desk);
    await fixture.pool.query(`UPDATE sage_accounts SET status = 'cancelled' WHERE sage_account_id = $1`, [
      desk.sageAccountId,
    ]);
    for (const path of ['/rules', '/new-rule', '/restore']) {
      const page = await desk.visitor.get(`${desk.base}${path}`);
      expect([page.status, textOf(page)]).toEqual([
        409,
        expect.stringContaining('restored on the new account'),
      ]);
    }
    const answer = await send(desk.visitor, form, `${desk.base}/new-rule`, { ...filled('X'), do: 'save' });
    expect(answer.status).toBe(409);
  });

  test('reports that Sage does not answer, and shows no partial list', async () => {
    const desk = await ruleDesk();
    await fixture.control('POST', '/faults', {
      kind: 'status',
      http_status: 403,
      match: { path: '/rules$' },
      times: 1,
    });
    const page = await completed(desk.visitor, `${desk.base}/rules`);
    expect(page.status).toBe(502);
    expect(textOf(page)).toContain('Sage could not do this');
    await fixture.control('DELETE', '/faults');
  });

  test('loaded again with a stored list that is old or gone reads it from Sage again', async () => {
    const desk = await ruleDesk();
    await completed(desk.visitor, `${desk.base}/rules`);
    const { rows } = await fixture.pool.query<{ id: string }>(
      `UPDATE commands SET finished_at = now() - interval '1 minute'
        WHERE customer_id = $1 AND kind = 'sage_list_rules' RETURNING command_id AS id`,
      [desk.customerId],
    );
    expect(rows).toHaveLength(1);
    await saveNew(desk, filled('Later'));
    for (const reading of [rows[0]!.id, randomUUID()]) {
      const path = `${desk.base}/rules?reading=${reading}`;
      expect((await desk.visitor.get(path)).location).toBe(`${desk.base}/rules`);
      expect(textOf(await completed(desk.visitor, path))).toContain('Later');
    }
  });

  test.each([
    ['sage_create_rule', true],
    ['sage_dry_run_rule', false],
    ['sage_delete_rule', true],
  ])('does not claim to know what became of %s when Sage did not answer', async (kind, mayBeDone) => {
    const desk = await ruleDesk();
    const commandId = randomUUID();
    const rule = {
      ruleName: 'Lost',
      ruleConditions: [{ ruleField: 'currency', ruleOperation: 'eq', ruleCriteria: 'GBP' }],
      ruleActions: [{ splitPercentage: 100, accountsPostings: [{ type: 'NOMINAL', code: '1' }] }],
    };
    const input = {
      sage_account_id: desk.sageAccountId,
      ...(kind === 'sage_delete_rule' ? { rule_id: 'r1' } : { rule }),
    };
    await fixture.pool.query(
      `INSERT INTO commands (command_id, provider_key, customer_id, kind, input, state, problem, finished_at)
       VALUES ($1, gen_random_uuid(), $2, $3, $4, 'failed', '{"code": "provider_unavailable", "message": "none"}', now())`,
      [commandId, desk.customerId, kind, JSON.stringify(input)],
    );
    const page = await desk.visitor.get(`${desk.base}/rule-orders/${commandId}`);
    expect(textOf(page)).not.toContain('Sage did not save the rule');
    expect(textOf(page).includes('We do not know whether Sage')).toBe(mayBeDone);
    expect(page.text).toContain(`href="${desk.base}/rules"`);
    if (kind === 'sage_create_rule') {
      expect(textOf(page)).toContain('Check the rules');
      expect(page.text).toContain('value="Lost"');
    }
  });

  test('orders of rules are visible to their own customer and under their own account only', async () => {
    const desk = await ruleDesk();
    const form = await newRuleForm(desk);
    const saved = await send(desk.visitor, form, `${desk.base}/new-rule`, { ...filled('Mine'), do: 'save' });
    await completed(desk.visitor, saved.location!);
    const other = await ruleDesk();
    const order = saved.location!.split('/').at(-1)!;
    expect((await other.visitor.get(saved.location!)).status).toBe(404);
    expect((await other.visitor.get(`${other.base}/rule-orders/${order}`)).status).toBe(404);
    const reading = await other.visitor.get(`${other.base}/rules?reading=${order}`);
    expect(reading.location).toBe(`${other.base}/rules`);
    const theirs = await newRuleForm(other);
    const order_id = hiddenValue(form, 'order_id');
    const stolen = { ...filled('Mine'), do: 'save', order_id };
    expect((await send(other.visitor, theirs, `${other.base}/new-rule`, stolen)).status).toBe(400);
  });
});
