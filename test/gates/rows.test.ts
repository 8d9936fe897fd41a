import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

const root = join(import.meta.dirname, "../..");

/** What reads tables of ours. `src/indexeddb` stands for itself; in tests a matcher says what is wrong with a row. */
const files = globSync("src/**/*.ts", { cwd: root })
    .filter((file) => !/^src\/indexeddb\/|\.test\.ts$|^src\/database\/row\.ts$/.test(file))
    .map((file) => ({ file, text: readFileSync(join(root, file), "utf8") }))
    .filter(({ text }) => /\.prepare\(|"node:sqlite"|\bRow\b/.test(text));

/** Ways past `src/database/row.ts`: each reads a column whose name nobody checks. */
const ways = [
    // String(row["room_id"]), row?.["room_id"]
    /\b(?:row|[a-z]\w*Row)(?:\?\.)?\[/,
    // select.get(roomId)?.["room_id"]
    /\.get\((?:[^()]|\([^()]*\))*\)(?:\?\.)?\["/,
    // select.all().map(({ room_id }) => ...)
    /\.(?:all|iterate)\((?:[^()]|\([^()]*\))*\)\s*\.\w+\(\(\{/,
    // const { room_id } = row
    /\} = (?:row|[a-z]\w*Row)\b/,
    // (row: Readonly<Record<string, unknown>>): whoever calls a row so may read anything of it
    /\brow: (?:Readonly<)?Record</,
    /\bSQLOutputValue\b/,
];

function readsPastTheDoor(text: string): readonly string[] {
    return ways.flatMap((way) => way.exec(text)?.[0] ?? []);
}

test("there are files that read rows", () => {
    expect(files.length).toBeGreaterThan(50);
});

test.each(files)("$file reads the columns of a row through src/database/row.ts", ({ text }) => {
    expect(readsPastTheDoor(text)).toEqual([]);
});

test.each([
    'return rows.map((row) => String(row["room_id"]));',
    'return Number(row?.["n"] ?? 0);',
    'return Number(this.#select.get(roomId, session.id)?.["id"]);',
    'const at = this.#sql\n    .prepare("SELECT min(at) AS at FROM jobs")\n    .get(now)?.["at"];',
    "return sql.prepare(text).all(roomId).map(({ id }) => Number(id));",
    "const { damage, checked_at: at } = row;",
    "function useFrom(row: Readonly<Record<string, unknown>>): SessionUse {",
    'import type { SQLOutputValue } from "node:sqlite";',
])("a planted %j is seen", (planted) => {
    expect(readsPastTheDoor(planted)).not.toEqual([]);
});

test.each([
    'return rows.map((row) => textOf(row, "room_id"));',
    'const growth = growing.get(name) ?? { id: 1, of: uses["a"] };',
    "return this.#select.all(roomId).map(roomFrom).filter(({ whole }) => whole);",
])("%j is none", (text) => {
    expect(readsPastTheDoor(text)).toEqual([]);
});
