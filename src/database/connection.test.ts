import { expect, test } from "vitest";
import { Connection } from "./connection.ts";

test("a statement is compiled once, and serves again after a failure and after its table has changed its shape", () => {
    const sql = new Connection(":memory:");
    sql.exec("CREATE TABLE notes (text TEXT NOT NULL UNIQUE)");
    const insert = "INSERT INTO notes VALUES (?)";
    const select = "SELECT * FROM notes";
    sql.prepare(insert).run("one");
    expect(() => sql.prepare(insert).run("one")).toThrow("UNIQUE");
    sql.prepare(insert).run("two");
    expect(sql.prepare(select).all()).toEqual([{ text: "one" }, { text: "two" }]);
    sql.exec("ALTER TABLE notes ADD COLUMN at INTEGER NOT NULL DEFAULT 7");
    expect(sql.prepare(select).get()).toEqual({ text: "one", at: 7 });
    expect(sql.prepare(select)).toBe(sql.prepare(select));
    sql.close();
});

test("any number of different statements may be prepared", () => {
    const sql = new Connection(":memory:");
    for (let n = 0; n < 3_000; n++) expect(sql.prepare(`SELECT ${n} AS n`).get()).toEqual({ n });
    sql.close();
});
