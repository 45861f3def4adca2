import { z } from 'zod';
import { idField, uuid } from '../fields.js';

/** Sage's own, of which we only know that it is an id. */
export const ruleIdField = idField("Sage's id.");

/** Path parameters of one rule of an account. */
export const sageRuleParams = z.strictObject({ sage_account_id: uuid, rule_id: ruleIdField });

/** A rule of 20 conditions and 20 actions with long texts has room here. */
export const ruleBodyBytesMax = 256 * 1024;
