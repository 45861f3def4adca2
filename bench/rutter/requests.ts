import type { BenchCase } from './bench-case.js';
import { check } from '../checker.js';
import { backfillByService } from '../run-service.js';
import { seedFeeds } from './seed-feeds.js';

/** One more than ten full batches. */
const postings = 10_001;
const batchSize = 1_000;

/** What a backfill costs of Rutter's budget: the physical floor is one POST for each thousand, and no poll. */
export const requests: BenchCase = {
  name: 'requests',
  about: `requests at Rutter for a backfill of ${postings} postings, jobs of 1 s inside the synchronous answer`,
  run: async (context) => {
    const { fixture } = context;
    const sandbox = await fixture.freshSandbox();
    await fixture.startWorker();
    const feeds = await seedFeeds(fixture, sandbox, { feeds: 1, postingsEach: postings });
    await sandbox.turnKnobs({ jobRunMs: 1_000 });
    const before = await sandbox.counters();
    await backfillByService(context, feeds);
    const after = await sandbox.counters();
    const posts = after.transaction_posts - before.transaction_posts;
    const polls = after.job_polls - before.job_polls;
    return {
      figures: [
        {
          name: 'POSTs of transactions',
          value: posts,
          unit: '',
          mark: { kind: 'exactly', value: Math.ceil(postings / batchSize) },
        },
        { name: 'polls of jobs', value: polls, unit: '', mark: { kind: 'exactly', value: 0 } },
        { name: 'other requests', value: after.requests - before.requests - posts - polls, unit: '' },
      ],
      faults: await check(sandbox, { feeds, count: postings, run: 'backfill' }),
    };
  },
};
