// Rules about single expressions: what the project never writes, each with what it writes instead.

const noModuleState = ['Program', 'Program > ExportNamedDeclaration'].map(
  (parent) => `${parent} > VariableDeclaration[kind!='const']`,
);

export const syntaxRules = {
  'no-enum': refuse('TSEnumDeclaration', 'Use a union of string literals: it is plain JSON on the wire.'),
  'no-literal-spread': refuse(
    'ObjectExpression > SpreadElement > ObjectExpression',
    'Write the fields themselves, without a spread around them.',
  ),
  'no-module-state': refuse(
    noModuleState.join(', '),
    'No mutable state at module level: it outlives a workflow run and a test.',
  ),
  'no-environment': refuse(
    "MemberExpression[object.name='process'][property.name='env']",
    'Only src/config.ts and sandbox/main.ts read process.env: pass configuration as an argument.',
  ),
  'no-dynamic-import': refuse(
    "ImportExpression[source.type!='Literal'], ImportExpression[source.value=/^[.]/]",
    'Import our own modules by statements: the search for import cycles reads no other imports.',
  ),
};

/** A rule that refuses every node which this selector matches. */
function refuse(selector, message) {
  return {
    meta: { type: 'problem', schema: [], messages: { refused: message } },
    create: (context) => ({ [selector]: (node) => context.report({ node, messageId: 'refused' }) }),
  };
}
