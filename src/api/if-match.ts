import { Problem } from './problem.js';

const entityTag = /(?:W\/)?"[\x21\x23-\x7e\x80-\xff]*"/;
const listForm = new RegExp(`^\\s*${entityTag.source}(?:\\s*,\\s*${entityTag.source})*\\s*$`);
/** Tags of one header; a caller has read one version, perhaps a few. */
const tagsMax = 20;

/**
 * The entity tags of an `If-Match` header (RFC 9110, 13.1.1), null for none and for `*`, which every existing resource
 * fulfils. A weak tag never matches, and is left out.
 * @throws {Problem} 400 when it is not a list of entity tags
 */
export function readIfMatch(header: string | undefined): readonly string[] | null {
  if (header === undefined || header.trim() === '*') return null;
  const tags = listForm.test(header) ? header.match(new RegExp(entityTag.source, 'g')) : null;
  if (tags === null || tags.length > tagsMax) {
    throw new Problem({
      status: 400,
      code: 'bad_if_match',
      detail: 'If-Match is * or a list of entity tags in double quotes, as an ETag has them',
    });
  }
  return tags.filter((tag) => !tag.startsWith('W/'));
}
