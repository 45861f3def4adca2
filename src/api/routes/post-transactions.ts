import { z } from 'zod';
import { readAccount } from '../../db/accounts.js';
import { zoneOf } from '../../domain/booking-day.js';
import { limits } from '../../domain/limits.js';
import { postingStatuses } from '../../domain/posting-input.js';
import { transactionTypes } from '../../domain/transaction-type.js';
import { defineStreamRoute, type RouteAnswer, type StreamContext } from '../define-route.js';
import { accountId } from '../fields.js';
import { underKey } from '../idempotency.js';
import { ingestLines, ingestList } from '../ingest.js';
import type { IngestTarget } from '../ingest-chunk.js';
import type { IngestTally } from '../ingest-tally.js';
import { ndjsonLineBytesMax, ndjsonLines } from '../ndjson-lines.js';
import { Problem, notFound } from '../problem.js';
import { bodyChunks, mediaTypeOf, readBody, refuseEncodedBody } from '../read-body.js';
import { keyedRequest, parseBody, parseJsonBytes, writeAnswer } from '../run-route.js';

/** Enough for 10,000 postings with the longest ASCII texts. */
const jsonBytesMax = 32 * 1024 * 1024;

const params = z.strictObject({ account_id: accountId });

/** For the reference: what `domain/posting-input.ts` validates by hand. */
const postingSchema = z
  .strictObject({
    transaction_id: z.string().min(1).max(limits.idLengthMax).meta({
      description:
        'Unique in the account for ever; compared exactly. Without surrounding white space and control characters.',
    }),
    posted_at: z.string().meta({
      description:
        'When it happened: a date and time with seconds and offset, kept in UTC with milliseconds, finer digits are truncated, at most a day in the future. Or a date alone, which is the booking day.',
      example: '2026-02-03T09:14:07+01:00',
    }),
    booking_date: z.string().nullish().meta({
      format: 'date',
      description:
        'The day on which Sage books it. Absent: the day of `posted_at` in the time zone of the account, else of the customer, else of the installation; else as written with its offset.',
    }),
    amount: z.union([z.string().regex(/^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/), z.number()]).meta({
      description:
        'Money out negative, money in positive, on a credit card as well. A decimal as a string or as a JSON number: the value decides, not the spelling (`1000`, `"1000.00"` and `1e3` are equal). At most 15 significant digits, 18 digits before the point, and no more decimals than the account\'s currency has.',
    }),
    description: z.string().min(1).max(limits.textLengthMax),
    transaction_type: z.enum(transactionTypes).meta({
      description:
        '`credit` and `deposit` are money in, `debit` and `fee` money out: an amount other than 0 with the opposite sign is rejected (`SIGN_CHECK`). The other types go with either sign.',
    }),
    payee: z.string().min(1).max(limits.textLengthMax).nullish(),
    status: z.enum(postingStatuses).optional().meta({
      default: 'posted',
      description:
        '`pending` is held, and can be replaced. `posted` is final. `void` withdraws either, a posted one until it is in a batch.',
    }),
    corrects: z
      .string()
      .min(1)
      .max(limits.idLengthMax)
      .nullish()
      .meta({ description: 'The transaction that this one corrects.' }),
  })
  .meta({ id: 'Transaction' });

/** The part that is validated as a whole; the items are validated one by one. */
const listBody = z.strictObject({
  transactions: z.array(z.unknown()).min(1, 'must hold at least one transaction'),
});

const tallySchema = z
  .object({
    accepted: z.int().meta({ description: 'New transactions, and those that replaced a pending one.' }),
    repeated: z.int().meta({ description: 'Stored before with the same content.' }),
    conflicts: z.array(z.object({ transaction_id: z.string(), reason: z.string(), code: z.string() })),
    conflicts_total: z.int(),
    rejected: z.array(
      z.object({
        transaction_id: z.string().nullable(),
        index: z.int().meta({ description: 'Index of the item or line, from 0.' }),
        reason: z.string().meta({ description: 'All that is wrong with it, in one text.' }),
        pointer: z.string().meta({ description: 'JSON pointer to the first wrong field.' }),
        errors: z
          .array(z.object({ pointer: z.string(), reason: z.string() }))
          .meta({ description: 'Every wrong field.' }),
      }),
    ),
    rejected_total: z.int(),
    warnings: z
      .array(z.object({ transaction_id: z.string(), index: z.int(), reason: z.string() }))
      .meta({ description: 'Accepted although sign and type contradict each other (`SIGN_CHECK=warn`).' }),
    warnings_total: z.int(),
  })
  .meta({ id: 'IngestAnswer' });

/** Stores postings of an account: a list as JSON, or a stream of any length as NDJSON. */
export const postTransactions = defineStreamRoute({
  method: 'post',
  path: '/v1/accounts/{account_id}/transactions',
  roles: ['core'],
  resource: 'account',
  summary: 'Send transactions',
  description: `Good items are stored, bad ones are listed with the reason. JSON: 1 to ${limits.ingestJsonPostingsMax} transactions (more: 413, nothing stored), at most ${jsonBytesMax} bytes. NDJSON: one transaction a line, lines of at most ${ndjsonLineBytesMax} bytes, committed every ${limits.ingestChunkPostings} lines; a 503 names \`committed_lines\`. Lists in the answer are capped at ${limits.ingestListMax}, totals are exact. Sending the same again is safe. When nothing was accepted, repeated or conflicting and something was rejected, the answer is 422 \`nothing_accepted\` with the same lists. Rejected and conflicting items are counted for the account, shown with its feeds, and raise an alert.`,
  params,
  bodies: {
    'application/json': {
      schema: z
        .strictObject({ transactions: z.array(postingSchema).min(1).max(limits.ingestJsonPostingsMax) })
        .meta({ id: 'TransactionList' }),
      description: 'A list; `Idempotency-Key` is supported',
    },
    'application/x-ndjson': {
      schema: postingSchema,
      description: 'One such object per line; `Idempotency-Key` is ignored',
    },
  },
  answers: { 200: { description: 'The outcome per transaction, with totals', schema: tallySchema } },
  handleStream: async (input) => {
    const mediaType = mediaTypeOf(input.request);
    if (mediaType === 'application/json') writeAnswer(input.response, await storeList(input));
    else if (mediaType === 'application/x-ndjson') writeAnswer(input.response, await storeStream(input));
    else {
      throw new Problem({
        status: 415,
        code: 'unsupported_media_type',
        detail: 'send application/json or application/x-ndjson',
      });
    }
  },
});

type Input = StreamContext<z.output<typeof params>>;

async function storeList(input: Input): Promise<RouteAnswer> {
  const { deps, request, response } = input;
  const target = await targetOf(input);
  const rawBody = await readBody(request, { bytesMax: jsonBytesMax });
  const { transactions } = parseBody(listBody, parseJsonBytes(rawBody));
  if (transactions.length > limits.ingestJsonPostingsMax) {
    throw new Problem({
      status: 413,
      code: 'too_many_transactions',
      detail: `at most ${limits.ingestJsonPostingsMax} transactions in one call; nothing was stored`,
      extra: { errors: [{ pointer: '/transactions', message: 'has too many items' }] },
    });
  }
  return await underKey(keyedRequest(deps, input.role, request, response, rawBody), async () => {
    return answerOf(await ingestList(target, transactions));
  });
}

async function storeStream(input: Input): Promise<RouteAnswer> {
  refuseEncodedBody(input.request);
  const target = await targetOf(input);
  return answerOf(await ingestLines(target, ndjsonLines(bodyChunks(input.request))));
}

/** @throws {Problem} 422 with the same lists when something was rejected and nothing else came of the call */
function answerOf(tally: IngestTally): RouteAnswer {
  if (!tally.nothingTaken) return { status: 200, body: tally.toJson() };
  throw new Problem({
    status: 422,
    code: 'nothing_accepted',
    detail: 'every transaction was rejected and nothing was stored: correct them and send them again',
    errors: tally.errors(),
    extra: tally.toJson(),
  });
}

async function targetOf({ deps, params: { account_id } }: Input): Promise<IngestTarget> {
  const account = await readAccount(deps.pool, { accountId: account_id });
  if (account === null) throw notFound('account');
  const { accountId: id, currency, type, closedOn } = account;
  const timeZone = zoneOf({
    timeZone: account.timeZone ?? account.customerTimeZone,
    bankTimeZone: deps.config.BANK_TIME_ZONE ?? null,
  });
  return { deps, accountId: id, currency, accountType: type, timeZone, closedOn };
}
