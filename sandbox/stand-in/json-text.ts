type Piece = { text: string } | { value: unknown };

/** JSON of any depth. `JSON.stringify` recurses and gives up after some thousand levels, which a provider's data may have. */
export function jsonText(value: unknown): string {
  try {
    return JSON.stringify(value);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return deepJsonText(value);
  }
}

function deepJsonText(root: unknown): string {
  const written: string[] = [];
  const pending: Piece[] = [{ value: root }];
  for (let piece = pending.pop(); piece !== undefined; piece = pending.pop()) {
    if ('text' in piece) written.push(piece.text);
    else if (typeof piece.value === 'object' && piece.value !== null) {
      // The last piece that is pushed is written first.
      for (const part of partsOf(piece.value).reverse()) pending.push(part);
    } else written.push(piece.value === undefined ? 'null' : JSON.stringify(piece.value));
  }
  return written.join('');
}

function partsOf(parent: object): Piece[] {
  const isList = Array.isArray(parent);
  const members = Object.entries(parent).filter(([, value]) => isList || value !== undefined);
  const inner = members.flatMap(([name, value], index): Piece[] => [
    { text: `${index === 0 ? '' : ','}${isList ? '' : `${JSON.stringify(name)}:`}` },
    { value },
  ]);
  return [{ text: isList ? '[' : '{' }, ...inner, { text: isList ? ']' : '}' }];
}
