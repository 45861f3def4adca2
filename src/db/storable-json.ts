/**
 * Foreign text in the form that PostgreSQL accepts: `text` refuses NUL, `jsonb` halves of surrogate pairs, too. One such
 * character must not end a feed.
 */

/** JSON for a column of type `jsonb`, its names included. */
export function storableJson(value: unknown): string {
  return JSON.stringify(value, (_name, item: unknown) => {
    if (typeof item === 'string') return storableText(item);
    if (typeof item !== 'object' || item === null || Array.isArray(item)) return item;
    const names = Object.keys(item);
    if (names.every((name) => storableText(name) === name)) return item;
    return Object.fromEntries(Object.entries(item).map(([name, member]) => [storableText(name), member]));
  });
}

/** Text for a column of type `text`. */
export function storableText(text: string): string {
  return text.replaceAll('\0', '\ufffd').replace(/\p{Surrogate}/gu, '\ufffd');
}

/** The same for a value that may be missing. */
export function storableTextOrNull(text: string | null | undefined): string | null {
  return text == null ? null : storableText(text);
}
