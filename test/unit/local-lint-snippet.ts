import { ESLint } from 'eslint';
import { fileURLToPath } from 'node:url';
import { projectRules } from '../../scripts/lint/project-rules.js';

export const root = fileURLToPath(new URL('../..', import.meta.url));

const eslint = new ESLint({ cwd: root, overrideConfigFile: true, overrideConfig: projectRules });

/** The rules that this text breaks when it is the content of this file. */
export async function lintSnippet(file: string, text: string): Promise<string[]> {
  const [result] = await eslint.lintText(text, { filePath: `${root}/${file}` });
  return [...new Set(result!.messages.map((message) => message.ruleId ?? message.message))];
}
