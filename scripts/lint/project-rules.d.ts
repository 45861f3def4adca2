import type { Linter } from 'eslint';

export declare const projectRules: Linter.Config[];
