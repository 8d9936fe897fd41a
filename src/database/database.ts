import type { DatabaseSync } from "node:sqlite";

/**
 * The tables of one part of the program, as steps from nothing to today's shape.
 * Step n takes the tables from version n to n + 1; a released step is never edited.
 */
export interface Schema {
    readonly feature: string;
    readonly migrations: readonly ((sql: DatabaseSync) => void)[];
}

/** Refuses, by type, a function that returns a promise: a transaction must not outlive its call. */
type Synchronous<T> = T extends PromiseLike<unknown> ? never : T;

/** The bot's own SQLite database: one connection, one writer, every change in a transaction. */
export interface Database {
    readonly sql: DatabaseSync;
    /**
     * Runs `work` in one transaction: committed and on disk when this returns, rolled back if it throws. Does not nest.
     */
    transaction<T>(work: () => Synchronous<T>): T;
    close(): void;
}
