// The project's own rules, as a plugin of Oxlint. .oxlintrc.json says where each holds.
import { importRules } from './import-rules.js';
import { syntaxRules } from './syntax-rules.js';
import { terms } from './terms.js';

export default {
  meta: { name: 'project' },
  rules: { ...syntaxRules, 'import-rules': importRules, terms },
};
