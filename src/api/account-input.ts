import { isValidIBAN } from 'ibantools';
import { z } from 'zod';
import type { GivenBalances } from '../db/account-balances.js';
import { cardAmounts, cardDates, cardFactNames, cardRates, type CardFacts } from '../domain/account-facts.js';
import { futureDayMessage, isDay, isDayText, latestDayAnywhere } from '../domain/booking-day.js';
import { describeNumberProblem, numberLengthMax, readAccountNumber } from '../domain/account-number.js';
import { describeInstantProblem, parseInstant } from '../domain/instant.js';
import { limits } from '../domain/limits.js';
import { describeAmountProblem, parseAmount, type AmountProblem } from '../domain/money.js';
import { idField, textField, timeZoneField } from './fields.js';

/** What a caller may say of an account, field by field; see {@link accountInput}. */

const yearMin = 1800;
/** The largest routing number that we know of has 9 digits; other countries have codes of letters and digits. */
const routingNumberLengthMax = 35;
/** `as_of` may be this far ahead of our clock: clocks differ, but a moment of tomorrow would block today's balances. */
const asOfFutureMaxMs = 5 * 60_000;
/** Digits of a rate in percent, far beyond any that is charged. */
const rateMax = 10_000;

const isoCurrencies: ReadonlySet<string> = new Set(Intl.supportedValuesOf('currency'));

const calendarDate = z.iso
  .date()
  .refine((date) => !isDayText(date) || Number(date.slice(0, 4)) >= yearMin, `must not be before ${yearMin}`);

/** An account that will be opened has nothing to show yet, and a day to come is mostly a mistake. */
const openingDay = calendarDate
  .superRefine((day, context) => {
    const latestDay = latestDayAnywhere(Date.now());
    if (!isDay(day) || day <= latestDay) return;
    context.addIssue({ code: 'custom', message: futureDayMessage(latestDay) });
  })
  .meta({ description: 'A day that has begun somewhere on earth. Leave it out until the account is open.' });

/** Its decimals depend on the currency, so they are checked with the whole account. */
const amount = z
  .string()
  .meta({ description: 'An exact decimal in the currency of the account.', example: '1250.00' });

export const balancesInput = z
  .strictObject({
    available: amount.optional(),
    current: amount.optional(),
    as_of: z
      .string()
      .superRefine((value, context) => {
        const read = parseInstant({ value, nowMs: Date.now(), futureMaxMs: asOfFutureMaxMs });
        if ('problem' in read) context.addIssue({ code: 'custom', message: asOfMessage(read.problem) });
      })
      .optional()
      .meta({
        format: 'date-time',
        description:
          'When the balances were so; now if absent. Balances of an older moment do not replace newer ones.',
      }),
  })
  .refine(
    (balances) => balances.available !== undefined || balances.current !== undefined,
    'must have available, current or both',
  )
  .meta({ id: 'BalancesInput' });

function asOfMessage(problem: Parameters<typeof describeInstantProblem>[0]): string {
  return problem === 'in_the_future'
    ? 'must not lie in the future'
    : describeInstantProblem(problem, asOfFutureMaxMs);
}

const cardFactInputs = {
  ...inputsOf(cardAmounts, amount),
  ...inputsOf(cardDates, calendarDate),
  ...inputsOf(cardRates, rateInput()),
};

function inputsOf<Name extends string, Schema extends z.ZodType>(names: readonly Name[], schema: Schema) {
  return Object.fromEntries(names.map((name) => [name, schema.optional()])) as Record<
    Name,
    z.ZodOptional<Schema>
  >;
}

function rateInput() {
  return z
    .string()
    .regex(/^(0|[1-9]\d{0,4})(\.\d{1,6})?$/, 'must be a rate in percent as a decimal string, such as "19.9"')
    .refine((rate) => !(Number(rate) > rateMax), `must be at most ${String(rateMax)}`)
    .meta({ description: 'Per year, in percent.', example: '19.9' });
}

const fields = {
  name: textField(limits.nameLengthMax),
  type: z.enum(['bank', 'credit_card']),
  number: z
    .string()
    .min(1, 'must not be empty')
    .max(numberLengthMax)
    .superRefine((text, context) => {
      const read = readAccountNumber(text);
      if ('problem' in read)
        context.addIssue({ code: 'custom', message: describeNumberProblem(read.problem) });
    })
    .transform((text) => text.trim())
    .optional()
    .meta({
      description:
        'Stored encrypted; answers show only its last four characters. It may be masked, as `****1234`, and is then never taken for a whole number.',
      writeOnly: true,
    }),
  iban: z
    .string()
    .max(numberLengthMax)
    .transform((text) => text.replace(/[\s-]/g, '').toUpperCase())
    .refine(isValidIBAN, 'is not a valid IBAN: its country, length or check digits are wrong')
    .optional()
    .meta({
      description:
        'Stored encrypted like `number`. Sent to Rutter as the account number when there is no `number`.',
      writeOnly: true,
      example: 'DE89 3704 0044 0532 0130 00',
    }),
  routing_number: z
    .string()
    .max(routingNumberLengthMax)
    .regex(/^[A-Za-z0-9]+([ -]?[A-Za-z0-9]+)*$/, 'must consist of letters and digits')
    .optional()
    .meta({ description: 'Of the bank, for instance the nine digits of a bank in the United States.' }),
  sort_code: z
    .string()
    .regex(/^(\d{6}|\d\d-\d\d-\d\d|\d\d \d\d \d\d)$/, 'must have six digits, such as 20-00-00')
    .optional()
    .meta({ description: 'Of a British or Irish bank. Sent to Rutter when there is no `routing_number`.' }),
  line_of_business: textField(limits.nameLengthMax).optional(),
  parent_account_id: idField(
    'The account that this one belongs to. Sent to Rutter when that one was shared on the same connection before.',
  ).optional(),
  publishable: z.boolean().optional().meta({
    default: true,
    description: 'False: the account is kept here, and never offered to be shared with Sage.',
  }),
  opened_on: openingDay.optional(),
  closed_on: calendarDate.optional().meta({
    description:
      'The last booking day that is sent. From that day on the account is not offered any more; its feeds send what was booked up to it and then close. A day in the future announces the closing. Left out, the account is open again.',
  }),
  replaces: idField(
    "The account of the same customer that this one continues, for instance after a change of the bank's system. A transaction that equals a delivered one of that account (booking day, amount, text) is held as `possible_duplicate`.",
  ).optional(),
  time_zone: timeZoneField,
  balances: balancesInput.optional(),
  ...cardFactInputs,
};

/**
 * The body of PUT account. `furtherCurrencies`: codes that a channel knows beside those of ISO 4217 in use.
 */
export function accountInput(furtherCurrencies: ReadonlySet<string>) {
  const currency = z
    .string()
    .refine(
      (code) => isoCurrencies.has(code) || furtherCurrencies.has(code),
      'must be a currency of ISO 4217 in capitals, such as EUR',
    )
    .meta({ minLength: 3, maxLength: 3, example: 'GBP' });
  return z
    .strictObject({ ...fields, currency })
    .superRefine((account, context) => {
      for (const finding of [
        ...cardFindings(account),
        ...amountFindings(account),
        ...lifeFindings(account),
      ]) {
        context.addIssue({ code: 'custom', ...finding });
      }
    })
    .meta({ id: 'AccountInput' });
}

export type AccountInput = z.output<ReturnType<typeof accountInput>>;
export type BalancesInput = z.output<typeof balancesInput>;

interface Finding {
  readonly path: string[];
  readonly message: string;
}

function cardFindings(account: AccountInput): Finding[] {
  if (account.type === 'credit_card') return [];
  return cardFactNames
    .filter((name) => account[name] !== undefined)
    .map((name) => ({
      path: [name],
      message: 'is only for credit cards: leave it out, or give the account the type credit_card',
    }));
}

function lifeFindings({ opened_on: openedOn, closed_on: closedOn }: AccountInput): Finding[] {
  if (openedOn === undefined || closedOn === undefined || closedOn >= openedOn) return [];
  return [{ path: ['closed_on'], message: 'must not be before opened_on' }];
}

function amountFindings(account: AccountInput): Finding[] {
  const cards = cardAmounts.flatMap((name) => amountFinding([name], account[name], account.currency));
  return [...cards, ...balanceFindings(account.balances, account.currency, ['balances'])];
}

/** What is wrong with balances in a currency. `path`: where they are in the body. */
export function balanceFindings(
  balances: BalancesInput | undefined,
  currency: string,
  path: readonly string[],
): Finding[] {
  return (['available', 'current'] as const).flatMap((name) =>
    amountFinding([...path, name], balances?.[name], currency),
  );
}

function amountFinding(path: string[], value: string | undefined, currency: string): Finding[] {
  if (value === undefined) return [];
  const read = parseAmount(value, currency);
  return 'amount' in read ? [] : [{ path, message: amountMessage(read.problem, currency) }];
}

/** Unlike an amount of a transaction it may not be a JSON number. */
function amountMessage(problem: AmountProblem, currency: string): string {
  return problem === 'not_a_decimal'
    ? 'must be a decimal string, such as "1250.00" or "-12.50"'
    : describeAmountProblem(problem, currency);
}

/** The card facts of a body; those that it leaves out are not known. */
export function cardFactsOf(account: AccountInput): CardFacts {
  return Object.fromEntries(cardFactNames.map((name) => [name, account[name] ?? null])) as CardFacts;
}

/** Balances as they are stored. */
export function balancesOf({ available, current, as_of: asOf }: BalancesInput): GivenBalances {
  return { available: available ?? null, current: current ?? null, asOf: asOf ?? null };
}
