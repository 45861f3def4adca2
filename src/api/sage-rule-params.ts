import { z } from 'zod';
import { uuid } from './fields.js';

/** Path parameters of one rule of an account. Its id is Sage's, whatever that looks like. */
export const sageRuleParams = z.strictObject({
  sage_account_id: uuid,
  rule_id: z.string().min(1).max(255).meta({ description: "Sage's id." }),
});

/** A rule of 20 conditions and 20 actions with long texts has room here. */
export const ruleBodyBytesMax = 256 * 1024;
