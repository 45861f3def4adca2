import { deliveryLimits } from '../../domain/rutter/delivery-limits.js';
import { limits } from '../../domain/limits.js';
import { listLimitMax } from './assumptions.js';

/*
 * The longest bodies about transactions, computed from the longest texts of a full batch. A request always fits into
 * what Rutter takes; an answer that did not fit into what we read would be an unknown outcome for ever.
 *
 * Lengths are in UTF-16 units. We write JSON as UTF-8: a unit takes three bytes at most, since texts hold no control
 * characters except tab and line ends, which take two, and no half surrogates. Rutter may escape every unit as
 * `\uXXXX`, which takes six.
 */

const writtenUnitBytesMax = 3;
const escapedUnitBytesMax = 6;
/**
 * What else a transaction has: names of fields (180), two ids of Rutter's (255 each), instants, amounts, flags and
 * punctuation.
 */
const otherUnitsMax = 900;
/** What is around the list: the connection, the cursor, the status of a job, the address of its request. */
const envelopeBytesMax = 64 * 1_024;

const { batchPostingsMax } = deliveryLimits;
/** Id, description and payee. */
const sentUnitsMax = limits.idLengthMax + 2 * limits.textLengthMax;
/** The same, with the description once more as `memo`. */
const shownUnitsMax = sentUnitsMax + limits.textLengthMax;
const shownBytesMax = escapedUnitBytesMax * (shownUnitsMax + otherUnitsMax);

/** Of a request as we write it. */
export const transactionsRequestBytesMax =
  batchPostingsMax * (writtenUnitBytesMax * sentUnitsMax + otherUnitsMax) + envelopeBytesMax;
/** Of the answer to POST transactions. */
export const transactionsAnswerBytesMax = batchPostingsMax * shownBytesMax + envelopeBytesMax;
/** Of a job: its request, which Rutter may show, and its answer. */
export const jobAnswerBytesMax =
  batchPostingsMax * escapedUnitBytesMax * (sentUnitsMax + otherUnitsMax) + transactionsAnswerBytesMax;
/** Of one page of a list of transactions. */
export const transactionPageBytesMax = listLimitMax * shownBytesMax + envelopeBytesMax;

/** A list of all connections has no pages: some 400 bytes each, so more than 150,000 of them. */
export const connectionListBytesMax = 64 * 1024 * 1024;
