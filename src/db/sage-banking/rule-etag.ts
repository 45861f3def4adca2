import { sha256Hex } from '../../crypto/hash.js';
import { ruleContentText } from '../../domain/sage-banking/rules/rule-content.js';
import { storableJson } from '../storable-json.js';

/** Of a hash: enough that two versions of a rule never have the same. */
const etagCharacters = 32;

/**
 * The entity tag of a rule (RFC 9110, 8.8.3): the same as long as Sage answers with the same content. Sage has no version
 * of its own. Its rank is content: it changes when another rule is moved.
 */
export function ruleEtagOf(rule: object): string {
  // As it is stored: a rule has the same tag before and after.
  const stored = JSON.parse(storableJson(rule)) as object;
  return `"${sha256Hex(ruleContentText(stored)).slice(0, etagCharacters)}"`;
}
