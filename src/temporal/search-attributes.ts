import type { Connection } from '@temporalio/client';
import protocol from '@temporalio/proto';
import { searchAttributeNames } from '../domain/search-attributes.js';

const { IndexedValueType } = protocol.temporal.api.enums.v1;

/** The types under which our attributes are registered in a namespace. */
export const searchAttributeTypes = {
  [searchAttributeNames.feedState]: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
  [searchAttributeNames.feedChannel]: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
  [searchAttributeNames.customerId]: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
  [searchAttributeNames.feedReason]: IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD,
  [searchAttributeNames.lastSyncedAt]: IndexedValueType.INDEXED_VALUE_TYPE_DATETIME,
} as const;

/** An attribute of this name exists in the namespace with another type; the server ignores our registration then. */
export class SearchAttributeTypeMismatch extends Error {
  constructor(names: readonly string[]) {
    super(
      `search attributes exist with another type: ${names.join(', ')}. Remove them from the namespace ` +
        '(temporal operator search-attribute remove) or use another namespace',
    );
    this.name = 'SearchAttributeTypeMismatch';
  }
}

/**
 * Registers our search attributes in a namespace and compares the types of those that exist: one read when none is
 * missing. Safe to repeat: the server ignores what it has, silently even with another type, hence the comparison.
 * Returns the names that were missing.
 *
 * @throws SearchAttributeTypeMismatch
 */
export async function registerSearchAttributes(input: {
  connection: Pick<Connection, 'operatorService'>;
  namespace: string;
}): Promise<{ registered: readonly string[] }> {
  const { operatorService } = input.connection;
  const { namespace } = input;
  const before = await operatorService.listSearchAttributes({ namespace });
  const missing = Object.entries(searchAttributeTypes).filter(
    ([name]) => before.customAttributes[name] === undefined,
  );
  if (missing.length > 0) {
    await operatorService.addSearchAttributes({ namespace, searchAttributes: Object.fromEntries(missing) });
  }
  const mismatched = Object.entries<number>(searchAttributeTypes).filter(
    ([name, type]) => (before.customAttributes[name] ?? type) !== type,
  );
  if (mismatched.length > 0) throw new SearchAttributeTypeMismatch(mismatched.map(([name]) => name));
  return { registered: missing.map(([name]) => name) };
}
