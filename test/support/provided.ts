/** What the global setup hands to the test files, for `inject('postgresUrl')`. A part not needed is not provided. */
declare module 'vitest' {
  export interface ProvidedContext {
    /** Superuser of the run's PostgreSQL, database `postgres`. */
    postgresUrl: string;
    /** `host:port` of the run's development server, in memory. */
    temporalAddress: string;
    temporalCliPath: string;
    /** The time-skipping server's executable. */
    testServerPath: string;
    chromePath: string;
  }
}

export {};
