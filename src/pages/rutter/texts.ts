import type { Texts, Translated } from '../texts.js';
import { britishRutterTexts } from './texts/en-gb.js';

/** The shared texts with those of the `rutter` channel, in one language. */
export type RutterTexts = Texts & Translated<typeof britishRutterTexts>;

export function withRutterTexts(t: Texts): RutterTexts {
  return { ...t, ...britishRutterTexts };
}
