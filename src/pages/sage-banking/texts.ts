import type { Texts, Translated } from '../texts.js';
import { britishSageTexts } from './texts/en-gb.js';

/** The shared texts with those of the `sage-banking` channel, in one language. */
export type SageTexts = Texts & Translated<typeof britishSageTexts>;

export function withSageTexts(t: Texts): SageTexts {
  return { ...t, ...britishSageTexts };
}
