import { z } from 'zod';
import { uuid } from './fields.js';

/** Sage's own, whatever it looks like. */
export const ruleIdField = z.string().min(1).max(255).meta({ description: "Sage's id." });

/** Path parameters of one rule of an account. */
export const sageRuleParams = z.strictObject({ sage_account_id: uuid, rule_id: ruleIdField });

/** A rule of 20 conditions and 20 actions with long texts has room here. */
export const ruleBodyBytesMax = 256 * 1024;
