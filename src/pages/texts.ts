import { britishLoginTexts } from './rutter/texts/en-gb.js';
import { britishSageTexts } from './sage-banking/texts/en-gb.js';
import { britishStatusTexts } from './status/texts/en-gb.js';

/** A heading and what to do next. */
export interface Message {
  readonly heading: string;
  readonly paragraphs: readonly string[];
}

/** All words of the pages, in the language of Britain; another language is another object of this type. */
export const britishTexts = { ...britishLoginTexts, ...britishStatusTexts, ...britishSageTexts } as const;

type Widened<T> = T extends string
  ? string
  : T extends (...input: infer Input) => infer Output
    ? (...input: Input) => Output
    : { readonly [Key in keyof T]: Widened<T[Key]> };

/** The words of one language. */
export type Texts = Widened<typeof britishTexts>;
