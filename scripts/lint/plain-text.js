// A language for ESLint that has no syntax: the whole file is one node. It lets a rule read documents, SQL, YAML and
// shell scripts, so that `npm run lint` covers them as well.

class PlainTextSource {
  constructor(text) {
    this.text = text;
    this.lines = text.split(/\r?\n/);
    this.ast = { type: 'Program', range: [0, text.length], body: [], tokens: [], comments: [] };
    this.ast.loc = { start: { line: 1, column: 0 }, end: this.getLocFromIndex(text.length) };
  }

  getLoc(node) {
    return node.loc;
  }

  getRange(node) {
    return node.range;
  }

  /** Lines count from 1, columns from 0. */
  getLocFromIndex(index) {
    const before = this.text.slice(0, index).split('\n');
    return { line: before.length, column: before.at(-1).length };
  }

  traverse() {
    const visit = { kind: 1, target: this.ast, args: [this.ast, null] };
    return [
      { ...visit, phase: 1 },
      { ...visit, phase: 2 },
    ];
  }
}

export const plainText = {
  fileType: 'text',
  lineStart: 1,
  columnStart: 0,
  nodeTypeKey: 'type',
  validateLanguageOptions() {},
  parse: () => ({ ok: true, ast: {} }),
  createSourceCode: (file) => new PlainTextSource(file.body),
};
