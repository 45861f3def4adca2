import type { RutterFacade } from '../../temporal/rutter/facade.js';
import type { StatusPages } from '../status/status-context.js';
import type { RutterTexts } from './texts.js';

/** The dependencies of the pages of the `rutter` channel. */
export interface RutterPages extends StatusPages {
  readonly t: RutterTexts;
  readonly rutter: RutterFacade;
}
