import { z } from 'zod';
import { readSageLink } from '../../../db/sage-banking/bank-links.js';
import { defineSageRoute } from '../define-route.js';
import { nothing, uuid } from '../../fields.js';
import { notFound } from '../../problem.js';
import { sageLinkJson, sageLinkSchema } from '../bank-link-json.js';

/** The state of a bank link. */
export const getSageLink = defineSageRoute({
  method: 'get',
  path: '/v1/sage/links/{link_id}',
  roles: ['core', 'ops'],
  resource: 'link',
  summary: 'Read a bank link',
  params: z.strictObject({ link_id: uuid }),
  query: nothing,
  answers: { 200: { description: 'The link', schema: sageLinkSchema } },
  handle: async ({ deps, params }) => {
    const link = await readSageLink(deps.pool, { linkId: params.link_id });
    if (link === null) throw notFound('link');
    return { status: 200, body: sageLinkJson(deps.keyring, link) };
  },
});
