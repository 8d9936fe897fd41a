import type { DatabaseSync } from "node:sqlite";
import { numberOf } from "../../../database/index.ts";
import type { CryptoStore } from "./context.ts";
import { readMeta, writeMeta } from "./meta.ts";

const NAME = "commits";

/**
 * Runs the work of a commit and counts the commit in it, if anything was changed; answers the count beside the result.
 * SQLite drops a log's damaged end without a word, and ratchets go back with it: whoever was told a higher number than
 * the file has knows (`bot/folder/commit-mark.ts`).
 */
export async function counted<T>(
    sql: DatabaseSync,
    work: (sql: DatabaseSync) => T | Promise<T>,
): Promise<{ result: T; commits: number }> {
    const before = changes(sql);
    const result = await work(sql);
    let commits = count(sql);
    if (changes(sql) !== before) writeMeta(sql, NAME, String(++commits));
    return { result, commits };
}

/** How many commits the store has seen, as far as its file knows. */
export function commits({ store }: { readonly store: Pick<CryptoStore, "atomically"> }): Promise<number> {
    return store.atomically(count);
}

function count(sql: DatabaseSync): number {
    return Number(readMeta(sql, NAME) ?? 0);
}

function changes(sql: DatabaseSync): number {
    return numberOf(sql.prepare("SELECT total_changes() AS n").get(), "n");
}
