import type { CryptoPort } from "../../crypto/index.ts";
import { type Database, numberOrNothing, type Schema } from "../../database/index.ts";
import { Failure } from "../../failures/index.ts";

export const commitMarkSchema: Schema = {
    feature: "commit_mark",
    migrations: [
        (sql) =>
            sql.exec(
                "CREATE TABLE crypto_commits (only INTEGER PRIMARY KEY CHECK (only = 1), commits INTEGER NOT NULL) STRICT",
            ),
    ],
};

/** More than any store has: what was found behind once stays so, however much is written to it. */
const beyond = Number.MAX_SAFE_INTEGER;

/**
 * How many commits of the crypto store this database knows to be on disk. SQLite reads a write-ahead log as far as it
 * is whole and is silent about the rest, so that a damaged or missing log takes ratchets back and nothing else shows
 * it.
 *
 * The number goes with transactions that are made anyway, and so costs no write of its own. What is committed there
 * after the last of them is not noticed to be missing: nothing of that was recorded here, so the homeserver brings it
 * again, and no bundle was sent, as each is written down between its encryption and its request. What the bot said in a
 * room in that time may be lost unnoticed.
 */
export class CommitMark {
    readonly #database: Database;
    #heard = 0;
    #written: number;

    constructor(database: Database) {
        this.#database = database;
        this.#written =
            numberOrNothing(database.sql.prepare("SELECT commits FROM crypto_commits").get(), "commits") ?? 0;
    }

    /** So many are on disk. */
    heard(commits: number): void {
        this.#heard = Math.max(this.#heard, commits);
    }

    /** How many are known to be on disk in this run; 0 before the first. */
    get commits(): number {
        return this.#heard;
    }

    /** The same database, whose every transaction carries the mark. */
    carriedBy(database: Database): Database {
        return {
            ...database,
            transaction: (work) => {
                const heard = this.#heard;
                const result = database.transaction(() => {
                    const done = work();
                    if (heard > this.#written) this.#write(heard);
                    return done;
                });
                this.#written = Math.max(this.#written, heard);
                return result;
            },
        };
    }

    /** @throws Failure `store_behind`, now and at every later start */
    async requireReached(crypto: Pick<CryptoPort, "account" | "commits">, path: string): Promise<void> {
        if ((await crypto.commits()) >= this.#written) return;
        // A store that is new altogether is told by what the homeserver has of it.
        if ((await crypto.account()).fresh) return;
        this.#database.transaction(() => this.#write(beyond));
        throw new Failure("store_behind", { path });
    }

    #write(commits: number): void {
        this.#database.sql.prepare("INSERT OR REPLACE INTO crypto_commits VALUES (1, ?)").run(commits);
    }
}

/** A new device begins without one. */
export function removeMark(sql: Database["sql"]): void {
    sql.exec("DELETE FROM crypto_commits");
}
