import { describe, expect, it } from 'vitest';
import {
  factsInBody,
  fieldsNamedIn,
  serializeAccount,
  type NewAccount,
} from '../../../src/clients/rutter/new-account.js';
import { cardFactNames, type CardFacts } from '../../../src/domain/account-facts.js';

const noCardFacts = Object.fromEntries(cardFactNames.map((name) => [name, null])) as CardFacts;
const plain: NewAccount = {
  internalBankAccountId: 'acc-7731',
  bankAccountType: 'bank',
  currencyCode: 'USD',
  name: 'Trading account',
  bankAccountNumber: '182237382',
};

describe('the body that creates an account', () => {
  it('has the bytes of version 0.2.0 where there is nothing more to say', () => {
    const bytes =
      '{"response_mode":"prefer_sync","bank_feed_account":{"internal_bank_account_id":"acc-7731",' +
      '"bank_account_type":"bank","currency_code":"USD","name":"Trading account","bank_account_number":"182237382"}}';
    expect(serializeAccount(plain)).toBe(bytes);
    const facts = {
      availableBalance: null,
      currentBalance: null,
      routingNumber: null,
      lineOfBusiness: null,
      parentBankFeedAccountId: null,
      card: noCardFacts,
    };
    expect(serializeAccount({ ...plain, transactionStartDate: null, facts })).toBe(bytes);
  });

  it("has what the guide's Sage example sends, amounts as numbers", () => {
    const body = serializeAccount({
      ...plain,
      transactionStartDate: '2023-02-02',
      facts: {
        availableBalance: '1546.23',
        currentBalance: '-1833.210',
        routingNumber: '123456789',
        lineOfBusiness: 'small business',
        parentBankFeedAccountId: 'c2a4b0de-6b1f-4d0c-9e55-2f7d0b6a9a01',
        card: noCardFacts,
      },
    });
    expect(JSON.parse(body)).toMatchObject({
      bank_feed_account: {
        transaction_start_date: '2023-02-02T00:00:00.000Z',
        available_balance: 1546.23,
        current_balance: -1833.21,
        routing_number: '123456789',
        line_of_business: 'small business',
        parent_bank_feed_account_id: 'c2a4b0de-6b1f-4d0c-9e55-2f7d0b6a9a01',
      },
    });
    expect(factsInBody(body)).toHaveLength(5);
    expect(body).not.toContain('credit_limit');
  });

  it('has every fact of a card, dates as midnight in UTC', () => {
    const card: CardFacts = { ...noCardFacts, credit_limit: '10000', next_payment_date: '2026-02-28' };
    const facts = {
      availableBalance: null,
      currentBalance: '0',
      routingNumber: null,
      lineOfBusiness: null,
      parentBankFeedAccountId: null,
      card,
    };
    const body = serializeAccount({ ...plain, bankAccountType: 'credit_card', facts });
    expect(JSON.parse(body)).toMatchObject({
      bank_feed_account: {
        current_balance: 0,
        credit_limit: 10_000,
        next_payment_date: '2026-02-28T00:00:00.000Z',
      },
    });
    expect(factsInBody(body)).toEqual(['current_balance', 'credit_limit', 'next_payment_date']);
  });
});

describe('a provider message', () => {
  const fields = ['available_balance', 'credit_limit', 'available_credit'];
  it.each([
    ['available_balance is not yet supported', ['available_balance']],
    ['bank_feed_account.available_balance: unexpected', ['available_balance']],
    ['"creditLimit" must not be given', ['credit_limit']],
    ['Available credit and credit limit are for Intuit', ['credit_limit', 'available_credit']],
    ['unavailable_balance', []],
    ['available_balances', []],
    ['name is required', []],
    [null, []],
  ])('%s names the facts %j', (message, named) => {
    expect(fieldsNamedIn(message, fields)).toEqual(named);
  });
});
