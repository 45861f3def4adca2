import type { AnyRoute } from '../../define-route.js';
import type { SageDeps } from '../define-route.js';
import { deleteSageAccount } from './delete-account.js';
import { deleteSageRestorableRule } from './delete-restorable-rule.js';
import { deleteSageRule } from './delete-rule.js';
import { getSageAccount } from './get-account.js';
import { getSageLink } from './get-link.js';
import { getSageOnboarding } from './get-onboarding.js';
import { getSageReprocess } from './get-reprocess.js';
import { getSageRule } from './get-rule.js';
import { listSageAccounts } from './list-accounts.js';
import { listSageBanks } from './list-banks.js';
import { listSageCandidates } from './list-candidates.js';
import { listSageRestorableRules } from './list-restorable-rules.js';
import { listSageRules } from './list-rules.js';
import { listSageTransactions } from './list-transactions.js';
import { patchSageRule } from './patch-rule.js';
import { postSageAccount } from './post-account.js';
import { postSageCandidate } from './post-candidate.js';
import { postSageCaptcha } from './post-captcha.js';
import { postSageCompany } from './post-company.js';
import { postSageLink } from './post-link.js';
import { postSageOrganisation } from './post-organisation.js';
import { postSageReauth } from './post-reauth.js';
import { postSageReprocess } from './post-reprocess.js';
import { postSageResolution } from './post-resolution.js';
import { postSageRestoreRules } from './post-restore-rules.js';
import { postSageRule } from './post-rule.js';
import { putSageRule } from './put-rule.js';

/** Routes of the `sage-banking` channel, below `/v1/sage/`. */
export const sageRoutes: readonly AnyRoute<SageDeps>[] = [
  postSageOrganisation,
  postSageCompany,
  getSageOnboarding,
  postSageCaptcha,
  postSageResolution,
  listSageBanks,
  postSageLink,
  getSageLink,
  listSageAccounts,
  postSageAccount,
  getSageAccount,
  listSageTransactions,
  postSageReauth,
  deleteSageAccount,
  listSageCandidates,
  postSageCandidate,
  listSageRules,
  postSageRule,
  getSageRule,
  putSageRule,
  patchSageRule,
  deleteSageRule,
  listSageRestorableRules,
  deleteSageRestorableRule,
  postSageRestoreRules,
  postSageReprocess,
  getSageReprocess,
];
