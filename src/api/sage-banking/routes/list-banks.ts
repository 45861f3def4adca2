import { z } from 'zod';
import { defineSageRoute } from '../define-route.js';
import { textField } from '../../fields.js';
import { runSageCommand } from '../run-command.js';
import { sageBanksDoc } from '../command-json.js';

/** Longer texts find nothing more. */
const nameLengthMax = 100;

/** Sage knows some thousands of banks. */
const startIndexMax = 9_999_999;

/** Searches Sage's banks. Runs as a command. */
export const listSageBanks = defineSageRoute({
  method: 'get',
  path: '/v1/sage/banks',
  roles: ['core'],
  resource: 'bank',
  summary: "Search Sage's banks",
  description:
    'One page of at most 100. `dataProvider` says how an account is linked: `indirect` by a bank link, `direct` by the bank itself.',
  params: z.strictObject({}),
  query: z.strictObject({
    name: textField(nameLengthMax)
      .optional()
      .meta({ description: 'A part of the name; case does not matter.' }),
    country: z
      .string()
      .regex(/^[A-Z]{3}$/, 'must be three capital letters, such as GBR')
      .optional()
      .meta({
        description: 'ISO 3166 alpha-3; without it Sage uses the country of its host.',
        example: 'GBR',
      }),
    start_index: z
      .string()
      .regex(/^[1-9]\d{0,6}$/, `must be a whole number from 1 to ${startIndexMax}`)
      .transform(Number)
      .optional()
      .meta({
        type: 'integer',
        minimum: 1,
        maximum: startIndexMax,
        default: 1,
        description: '`next_index` of the previous page.',
      }),
  }),
  problems: [422, 502],
  runsCommand: true,
  answers: {
    200: { description: 'A page of banks', schema: sageBanksDoc },
  },
  handle: async ({ deps, query, seed }) => {
    const { name, country, start_index: startIndex } = query;
    const input = {
      ...(name === undefined ? {} : { name }),
      ...(country === undefined ? {} : { country }),
      ...(startIndex === undefined ? {} : { start_index: startIndex }),
    };
    return await runSageCommand(deps, { kind: 'sage_list_banks', customerId: null, input, seed });
  },
});
