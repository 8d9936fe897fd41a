import { DatabaseSync } from "node:sqlite";
import { beforeEach, expect, test } from "vitest";
import { deriveSeal, type Seal } from "../../../sealing/index.ts";
import { prepareTables } from "../tables.ts";
import { BOT, storeKey } from "../testing/bot.ts";
import { ReadyEntries } from "./ready-entries.ts";

const ROOM = "!room:home";
const OTHER = "!other:home";
const plainSeal = deriveSeal(storeKey, "crypto rows");
let opened: string[];
const seal: Seal = {
    seal: (place, bytes) => plainSeal.seal(place, bytes),
    open: (place, bytes) => {
        opened.push(place);
        return plainSeal.open(place, bytes);
    },
};

let sql: DatabaseSync;
let entries: ReadyEntries;

beforeEach(() => {
    opened = [];
    sql = new DatabaseSync(":memory:");
    prepareTables(sql, { path: ":memory:", ...BOT }, plainSeal);
    entries = new ReadyEntries(sql, seal, "ours");
});

/** These sessions as they come in one commit, and so on one page. */
function receive(roomId: string, ids: readonly string[], firstIndex = 5, sender?: string): void {
    const algorithm = "m.megolm.v1.aes-sha2";
    const arrivals = ids.map((id) => ({
        source: "sent" as const,
        seen: {
            firstIndex,
            machineFlag: true,
            entry: {
                algorithm,
                room_id: roomId,
                sender_claimed_keys: {},
                sender_key: "k",
                session_id: id,
                session_key: `from ${firstIndex}`,
            },
        },
        heard: sender === undefined ? undefined : { sender, at: 1, claim: "true" as const },
    }));
    entries.store(arrivals);
}

const named = (prefix: string, count: number): string[] => Array.from({ length: count }, (_, n) => `${prefix} ${n}`);

/** What a walk through the room meets, some at a time. */
function walk(limit: number, between: (step: number) => void = () => undefined): { id: string; key: string }[] {
    const met: { id: string; key: string }[] = [];
    let step = 0;
    for (let after: number | undefined = 0; after !== undefined;) {
        const { rows, next }: ReturnType<ReadyEntries["following"]> = entries.following(ROOM, after, limit);
        for (const { json } of rows) {
            const { session_id: id, session_key: key } = JSON.parse(Buffer.from(json).toString()) as Record<
                string,
                string
            >;
            met.push({ id: id ?? "", key: key ?? "" });
        }
        after = next;
        between(++step);
    }
    return met;
}

test("a walk through a large room opens each page about once, and few at a time", () => {
    // Session IDs are random: their order has nothing to do with that of the pages.
    const ids = named("session", 3_000).toSorted((a, b) =>
        Buffer.from(a).toString("base64").localeCompare(Buffer.from(b).toString("base64")),
    );
    for (let start = 0; start < ids.length; start += 100) receive(ROOM, ids.slice(start, start + 100));
    expect(walk(250).map(({ id }) => id)).toEqual(ids);
    expect(opened.length).toBeLessThanOrEqual(30 + 12);
});

test("where each session has a page of its own, a step opens sixteen", () => {
    for (const id of named("session", 100)) receive(ROOM, [id]);
    let most = 0;
    expect(
        walk(250, () => {
            most = Math.max(most, opened.length);
            opened = [];
        }),
    ).toHaveLength(100);
    expect(most).toBe(16);
});

test("no session is lost or doubled when pages are merged, and entries replaced and added, between two steps", () => {
    const ids = named("session", 400);
    for (const id of ids) receive(ROOM, [id]);
    let index = 5;
    const met = walk(30, (step) => {
        // One that the walk has passed, one that it has not; singly, so that small pages are merged again and again.
        const fresh = step > 5 ? [] : named(`new at ${step}`, 20);
        for (const id of [`session ${step}`, `session ${399 - step}`, ...fresh]) receive(ROOM, [id], --index);
    });
    const found = met.map(({ id }) => id);
    expect(found.filter((id) => id.startsWith("session"))).toEqual(ids);
    expect(new Set(found).size).toBe(found.length);
    // What was replaced before its turn comes as it is then.
    expect(met.find(({ id }) => id === "session 398")?.key).not.toBe("from 5");
});

test("nor when another room is forgotten meanwhile and the file is written anew", () => {
    const ids = named("session", 200);
    for (const [n, id] of ids.entries()) {
        receive(OTHER, [`other ${n}`]);
        receive(ROOM, [id]);
    }
    const met = walk(30, (step) => {
        if (step === 2) entries.forget(OTHER);
        sql.exec("VACUUM");
    });
    expect(met.map(({ id }) => id)).toEqual(ids);
});

test("a room without keys has none to give", () => {
    receive(OTHER, ["other"]);
    expect(entries.following(ROOM, 0, 10)).toEqual({ rows: [], next: undefined });
});

test("of what users sent who were never in the room the newest is kept, of each and of all; of others everything", () => {
    receive(ROOM, named("hers", 300), 5, "@alice:home");
    const strangers = Array.from({ length: 12 }, (_, n) => `@stranger${n}:far`);
    for (const stranger of strangers) receive(ROOM, named(stranger, 120), 5, stranger);
    receive(OTHER, named("elsewhere", 120), 5, "@stranger0:far");
    entries.setOutsiders(ROOM, strangers);
    const select =
        "SELECT by_user, count(*) AS n FROM ready_entries WHERE room_id = ? GROUP BY by_user ORDER BY max(rowid)";
    const counts = (roomId: string) =>
        sql
            .prepare(select)
            .all(roomId)
            .map((row) => [row["by_user"], row["n"]]);
    const newest = strangers.slice(4).map((stranger) => [stranger, 100]);
    expect(counts(ROOM)).toEqual([["@alice:home", 300], ["@stranger3:far", 40], ...newest]);
    expect(counts(OTHER)).toEqual([["@stranger0:far", 120]]);
});
