import { z } from 'zod';
import { idField, uuid } from '../fields.js';

/** An id that Sage created, in an unknown format. */
export const ruleIdField = idField("Sage's id.");

/** Path parameters of one rule of an account. */
export const sageRuleParams = z.strictObject({ sage_account_id: uuid, rule_id: ruleIdField });

/** Enough for a rule of 20 conditions and 20 actions with long texts. */
export const ruleBodyBytesMax = 256 * 1024;
