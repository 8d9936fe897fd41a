import type { DatabaseSync } from "node:sqlite";
import { Failure } from "../failures/index.ts";
import type { Schema } from "./database.ts";
import { numberOf, textOf } from "./row.ts";

/**
 * Takes every feature's tables from the version in the file to today's, all in one transaction: a kill in the middle
 * leaves the old file. Features in the file that no schema names are left alone.
 * @throws Failure store_too_new before anything was changed
 */
export function migrate(sql: DatabaseSync, path: string, schemas: readonly Schema[]): void {
    sql.exec("BEGIN IMMEDIATE");
    try {
        sql.exec(
            "CREATE TABLE IF NOT EXISTS schema_versions (feature TEXT PRIMARY KEY, version INTEGER NOT NULL) STRICT, WITHOUT ROWID",
        );
        const found = versions(sql);
        refuseNewer(found, path, schemas);
        const record = sql.prepare(
            "INSERT INTO schema_versions VALUES (?, ?) ON CONFLICT DO UPDATE SET version = excluded.version",
        );
        for (const { feature, migrations } of schemas) {
            const steps = migrations.slice(found.get(feature) ?? 0);
            if (steps.length === 0) continue;
            for (const step of steps) step(sql);
            record.run(feature, migrations.length);
        }
        sql.exec("COMMIT");
    } catch (error) {
        if (sql.isTransaction) sql.exec("ROLLBACK");
        throw error;
    }
}

/**
 * Whether the file has tables that `migrate` would change; a new file has none.
 * @throws Failure store_too_new
 */
export function isOutdated(sql: DatabaseSync, path: string, schemas: readonly Schema[]): boolean {
    const found = knownVersions(sql);
    refuseNewer(found, path, schemas);
    return found.size > 0 && schemas.some((schema) => isOlder(found, schema));
}

/**
 * For read-only openings: the file has exactly today's tables.
 * @throws Failure store_too_new or store_too_old
 */
export function assertCurrent(sql: DatabaseSync, path: string, schemas: readonly Schema[]): void {
    const found = knownVersions(sql);
    refuseNewer(found, path, schemas);
    const older = schemas.find((schema) => isOlder(found, schema));
    if (older !== undefined) throw new Failure("store_too_old", { path, feature: older.feature });
}

function isOlder(found: ReadonlyMap<string, number>, { feature, migrations }: Schema): boolean {
    return (found.get(feature) ?? 0) < migrations.length;
}

function knownVersions(sql: DatabaseSync): ReadonlyMap<string, number> {
    const known = sql.prepare("SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'schema_versions'").get();
    return known === undefined ? new Map<string, number>() : versions(sql);
}

function versions(sql: DatabaseSync): ReadonlyMap<string, number> {
    const rows = sql.prepare("SELECT feature, version FROM schema_versions").all();
    return new Map(rows.map((row) => [textOf(row, "feature"), numberOf(row, "version")]));
}

function refuseNewer(found: ReadonlyMap<string, number>, path: string, schemas: readonly Schema[]): void {
    for (const { feature, migrations } of schemas) {
        const version = found.get(feature) ?? 0;
        if (version > migrations.length)
            throw new Failure("store_too_new", { path, feature, found: version, known: migrations.length });
    }
}
