import { expect, onTestFinished, test } from "vitest";
import { openDatabase } from "../../database/index.ts";
import { evidenceSchema } from "./evidence-schema.ts";
import { UnreadableKeyCounts } from "./unreadable-key-counts.ts";

test("keys that nobody can read are counted by sender, the newest first, and a flood of names stays bounded", () => {
    const database = openDatabase({ path: ":memory:", schemas: [evidenceSchema] });
    onTestFinished(() => database.close());
    const counts = new UnreadableKeyCounts(database.sql);
    const note = (senders: readonly string[], at: number): void => database.transaction(() => counts.note(senders, at));
    note(["@alice:home", "@bob:home", "@alice:home"], 1);
    note([], 2);
    note(["@bob:home"], 3);
    expect(counts.newest(5)).toEqual([
        { userId: "@bob:home", keys: 2, lastAt: 3 },
        { userId: "@alice:home", keys: 2, lastAt: 1 },
    ]);
    note(
        Array.from({ length: 1_500 }, (_, index) => `@user${index}:evil`),
        4,
    );
    expect(counts.newest(5_000)).toHaveLength(1_000);
});
