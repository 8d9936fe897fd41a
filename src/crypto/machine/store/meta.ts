import type { DatabaseSync } from "node:sqlite";
import { textOrNothing } from "../../../database/index.ts";

/** What the store says of itself, by name; the table is made by `../tables.ts`. */
export function readMeta(sql: DatabaseSync, name: string): string | undefined {
    return textOrNothing(sql.prepare("SELECT value FROM crypto_meta WHERE name = ?").get(name), "value");
}

export function writeMeta(sql: DatabaseSync, name: string, value: string | undefined): void {
    if (value === undefined) sql.prepare("DELETE FROM crypto_meta WHERE name = ?").run(name);
    else
        sql.prepare("INSERT INTO crypto_meta VALUES (?, ?) ON CONFLICT DO UPDATE SET value = excluded.value").run(
            name,
            value,
        );
}
