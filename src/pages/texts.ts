import { britishTexts } from './texts/en-gb.js';

/** A heading and what to do next. */
export interface Message {
  readonly heading: string;
  readonly paragraphs: readonly string[];
}

/** The values of a sentence about a timeline entry: an account's name, and a number as text. */
export interface TimelineValues {
  readonly account: string;
  readonly count: string;
}

/** The type of the texts of every language, from those of one: any text in place of each. */
export type Translated<T> = T extends string
  ? string
  : T extends (...input: infer Input) => infer Output
    ? (...input: Input) => Output
    : { readonly [Key in keyof T]: Translated<T[Key]> };

/** The texts that all pages share, in one language. Each channel adds its own. */
export type Texts = Translated<typeof britishTexts>;

export { britishTexts };
