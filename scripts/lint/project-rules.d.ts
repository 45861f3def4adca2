import type { Linter } from 'eslint';

export declare const projectRules: Linter.Config[];
/** Paths in which retired terms are not refused yet. */
export declare const termsNotYet: string[];
