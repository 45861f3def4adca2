import type { ChannelId } from '../../domain/channel.js';
import type { DoctorChannel } from './doctor/channel.js';
import { rutterDoctor } from './doctor/rutter/checks.js';
import { sageBankingDoctor } from './doctor/sage-banking/checks.js';

export { restoreDeps } from './doctor/rutter/restore-deps.js';

/** The registry of the local commands: what each channel contributes. */
export const doctorChannels: Readonly<Record<ChannelId, DoctorChannel>> = {
  rutter: rutterDoctor,
  'sage-banking': sageBankingDoctor,
};
