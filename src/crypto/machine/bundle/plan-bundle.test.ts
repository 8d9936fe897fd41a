import { DatabaseSync } from "node:sqlite";
import fc from "fast-check";
import { beforeEach, expect, test } from "vitest";
import { deriveSeal } from "../../../sealing/index.ts";
import { bundleEntry } from "../entries/entry.ts";
import { ReadyEntries } from "../entries/ready-entries.ts";
import type { MachineContext } from "../store/context.ts";
import { prepareTables } from "../tables.ts";
import { BOT, silent, storeKey } from "../testing/bot.ts";
import { type BundleWishes, openBundle, type OpenedBundle } from "../testing/bundle.ts";
import { buildBundle } from "./build-bundle.ts";

const ROOM = "!room:home";
const seal = deriveSeal(storeKey, "crypto rows");

let sql: DatabaseSync;

beforeEach(() => {
    sql = new DatabaseSync(":memory:");
    prepareTables(sql, { path: ":memory:", ...BOT }, seal);
});

interface Given {
    readonly from?: string | undefined;
    readonly key?: string;
    readonly open?: boolean;
    readonly firstIndex?: number;
}

const entriesOf = (): ReadyEntries => new ReadyEntries(sql, seal, "ours");

/** One commit with these sessions, the IDs by themselves or with what a test wants of them. */
function receive(...sessions: readonly (string | readonly [string, Given])[]): void {
    entriesOf().store(
        sessions.map((session) => {
            const [id, given]: readonly [string, Given] = typeof session === "string" ? [session, {}] : session;
            const { from = "@alice:home", key = from, open = true, firstIndex = 0 } = given;
            return {
                source: "sent",
                seen: {
                    firstIndex,
                    machineFlag: open,
                    entry: {
                        algorithm: "m.megolm.v1.aes-sha2",
                        room_id: ROOM,
                        sender_claimed_keys: {},
                        sender_key: key,
                        session_id: id,
                        session_key: `key of ${id} from ${firstIndex}`,
                    },
                },
                heard: { claim: open ? "true" : "false", sender: from, at: 1 } as const,
            };
        }),
    );
}

function build(more: BundleWishes = {}, between: () => void = () => undefined): Promise<OpenedBundle> {
    const store = {
        atomically: async <T>(work: (own: DatabaseSync) => T | Promise<T>) => work(sql),
        install: () => undefined,
        close: () => undefined,
    };
    const context = { store, seal, ownKey: "ours", log: silent } as unknown as MachineContext;
    const step = async <T>(operation: (of: MachineContext) => Promise<T>): Promise<T> => {
        const result = await operation(context);
        between();
        return result;
    };
    const setOutsiders = (roomId: string, users: readonly string[]) =>
        Promise.resolve(entriesOf().setOutsiders(roomId, users));
    return openBundle({ buildBundle: (request) => buildBundle(step, request), setOutsiders }, ROOM, more);
}

const sharedIn = ({ content }: OpenedBundle) => content.room_keys.map((key) => key["session_id"]);
const withheldIn = ({ content }: OpenedBundle) => content.withheld.map((record) => record["session_id"]);
const closed = { open: false };
const byBob = { from: "@bob:home" };

test.each<[string, readonly (string | [string, Given])[], readonly string[], readonly string[]]>([
    ["an empty room", [], [], []],
    ["one of each", ["1", ["2", closed]], ["1"], ["2"]],
    ["several", ["1", "2", ["3", closed], ["4", closed]], ["1", "2"], ["3", "4"]],
    ["a session of two senders stands once", ["1", ["1", byBob]], ["1"], []],
    ["two senders in dispute: the no wins", ["1", ["1", { ...byBob, ...closed }]], [], ["1"]],
    [
        "two noes are one",
        [
            ["1", closed],
            ["1", { ...byBob, ...closed }],
        ],
        [],
        ["1"],
    ],
])("%s", async (_, sessions, shared, withheld) => {
    for (const session of sessions) receive(session);
    const bundle = await build();
    expect(sharedIn(bundle)).toEqual(shared);
    expect(withheldIn(bundle)).toEqual(withheld);
    expect(bundle).toMatchObject({ shared: shared.length, withheld: withheld.length });
});

test("a withheld record says what m.room_key.withheld says", async () => {
    receive(["1", closed]);
    expect((await build()).content).toEqual({
        room_keys: [],
        withheld: [
            {
                algorithm: "m.megolm.v1.aes-sha2",
                code: "m.history_not_shared",
                reason: "The sender disabled sharing encrypted history.",
                room_id: ROOM,
                sender_key: "@alice:home",
                session_id: "1",
            },
        ],
    });
});

test("an entry has the six fields of the specification and no other", () => {
    const entry = {
        algorithm: "a",
        room_id: "r",
        sender_claimed_keys: {},
        sender_key: "k",
        session_id: "i",
        session_key: "s",
    };
    const noisy = { ...entry, forwarding_curve25519_key_chain: [], "m.shared_history": true };
    expect(bundleEntry(noisy)).toEqual(entry);
});

test("what somebody sent who was never in the room is in neither list, and takes nobody's session away", async () => {
    receive("1", ["1", { ...byBob, ...closed }], ["2", byBob], ["3", { ...byBob, ...closed }]);
    const bundle = await build({ strangers: ["@bob:home"] });
    expect([sharedIn(bundle), withheldIn(bundle)]).toEqual([["1"], []]);
    expect(bundle.leftOut).toEqual({ fromStrangers: 1, tooOld: 0, overLimit: 0 });
});

test("whatever comes of somebody who was never in the room, the file under the same key is the same", async () => {
    receive("1", ["3", closed], "4");
    const request = { key: new Uint8Array(32).fill(1), iv: new Uint8Array(16), strangers: ["@bob:home"] };
    const before = await build(request);
    receive(["2", byBob], ["1", { ...byBob, ...closed }], ["5", { ...byBob, ...closed }]);
    const after = await build(request);
    expect([after.sha256, after.version]).toEqual([before.sha256, before.version]);
});

test("what no known event used is too old where an age is set, whenever it came", async () => {
    receive("1", "2", "3");
    const limits = { maxSessions: 10, maxBytes: undefined, notBefore: 4 };
    const bundle = await build({
        limits,
        times: [
            { sessionId: "1", firstAt: 5 },
            { sessionId: "2", firstAt: 3 },
        ],
    });
    expect([sharedIn(bundle), bundle.leftOut]).toEqual([["1"], { fromStrangers: 0, overLimit: 0, tooOld: 2 }]);
});

test.each([1_500, 3_000, 7_000])("a file is never larger than %i bytes where that is the limit", async (maxBytes) => {
    for (let index = 0; index < 40; index++) receive(`session ${index}`, [`closed ${index}`, closed]);
    const limits = { maxSessions: 1_000, maxBytes, notBefore: undefined };
    const bundle = await build({ limits });
    expect(bundle.bytes).toBeLessThanOrEqual(maxBytes);
    expect(bundle.bytes).toBeGreaterThan(maxBytes * 0.7);
    expect(bundle.shared + bundle.leftOut.overLimit).toBe(40);
    expect(sharedIn(bundle)).toHaveLength(bundle.shared);
});

test("a bundle of many pages is whole, and each piece owns its buffer, so that it can be handed over", async () => {
    const ids = Array.from({ length: 12_000 }, (_, index) => `session ${index}`);
    for (let start = 0; start < ids.length; start += 100) receive(...ids.slice(start, start + 100));
    const bundle = await build();
    expect(sharedIn(bundle)).toEqual(ids);
    expect(bundle.pieces.length).toBeGreaterThan(3);
    for (const piece of bundle.pieces) expect(piece.byteLength).toBe(piece.buffer.byteLength);
});

test("many small pages become one, and no entry is lost or doubled", async () => {
    const ids = Array.from({ length: 400 }, (_, index) => `session ${index}`);
    for (const id of ids) receive(id);
    expect(sql.prepare("SELECT count(*) AS n FROM entry_pages").get()?.["n"]).toBeLessThan(200);
    expect(sharedIn(await build())).toHaveLength(400);
    expect(new Set(sharedIn(await build()))).toEqual(new Set(ids));
});

test("a copy that reaches further back takes the place of the other, and the page that is empty then goes", async () => {
    receive(["1", { firstIndex: 3 }]);
    receive(["1", { firstIndex: 0 }]);
    expect((await build()).content.room_keys).toEqual([expect.objectContaining({ session_key: "key of 1 from 0" })]);
    expect(sql.prepare("SELECT live FROM entry_pages").all()).toEqual([{ live: 1 }]);
});

test("keys that come while the bundle is built are in it", async () => {
    receive("1");
    let steps = 0;
    const bundle = await build({}, () => {
        if (++steps === 1) receive("2", ["3", closed]);
    });
    expect([sharedIn(bundle), withheldIn(bundle)]).toEqual([["1", "2"], ["3"]]);
    expect(bundle.version).toBe(entriesOf().version(ROOM));
});

test("keys that come at every step end nowhere: the last beginning is one step", async () => {
    receive("0");
    let steps = 0;
    const bundle = await build({}, () => receive(`late ${++steps}`));
    expect(sharedIn(bundle).length).toBeGreaterThan(2);
    expect(sharedIn(bundle)).not.toContain(`late ${steps}`);
});

test("pages that are merged while the bundle is built are read where they went", async () => {
    const ids = Array.from({ length: 127 }, (_, index) => `session ${index}`);
    for (const id of ids) receive(id);
    let steps = 0;
    const bundle = await build({}, () => {
        if (++steps === 1) receive("last");
    });
    expect(new Set(sharedIn(bundle))).toEqual(new Set([...ids, "last"]));
    expect(bundle.shared).toBe(128);
});

test.each<[string, (entries: ReadyEntries) => void, boolean]>([
    ["a new session that may be shared", () => receive("new"), true],
    ["a new session that may not", () => receive(["new", closed]), true],
    ["the same session once more, from later on", () => receive(["1", { firstIndex: 3 }]), false],
    ["a copy that reaches further back", () => receive(["from 5", { firstIndex: 2 }]), true],
    [
        "a word that changes nothing",
        (entries) =>
            void entries.hear(
                { roomId: ROOM, sessionId: "1", senderKey: "@alice:home" },
                { claim: "true", sender: "@alice:home", at: 2 },
            ),
        false,
    ],
])("the set's version after %s", (_, change, changes) => {
    receive("1", ["from 5", { firstIndex: 5 }]);
    const entries = entriesOf();
    const before = entries.shareableSet(ROOM);
    change(entries);
    expect(entries.version(ROOM) !== before.version).toBe(changes);
    expect(before).toMatchObject({ sessions: 2, outsiders: [] });
    expect(entries.senders(ROOM)).toEqual(["@alice:home"]);
});

test("entries of the first version of the tables are found on their pages", async () => {
    receive("1", ["2", closed]);
    const rows = sql.prepare("SELECT * FROM ready_entries").all();
    const { rows: entries } = entriesOf().following(ROOM, 0, 10);
    const later = ["bundle_offers", "sharing_signs", "session_closings", "session_owners", "room_outsiders"];
    const last = ["bot_rooms", "unknown_room_arrivals"];
    for (const table of ["ready_entries", "entry_pages", "room_key_senders", "room_versions", ...later, ...last])
        sql.exec(`DROP TABLE ${table}`);
    sql.exec(`CREATE TABLE ready_entries (
        room_id TEXT NOT NULL, session_id TEXT NOT NULL, sender_key TEXT NOT NULL, first_index INTEGER NOT NULL, machine_flag INTEGER NOT NULL,
        claim TEXT NOT NULL, verdict TEXT NOT NULL, entry BLOB NOT NULL, PRIMARY KEY (room_id, session_id, sender_key)) STRICT;
        CREATE INDEX ready_entries_by_verdict ON ready_entries (room_id, verdict);
        UPDATE crypto_meta SET value = '2' WHERE name = 'version'`);
    for (const [index, row] of rows.entries()) {
        const [roomId, sessionId, senderKey] = [
            String(row["room_id"]),
            String(row["session_id"]),
            String(row["sender_key"]),
        ];
        const sealed = seal.seal(
            JSON.stringify(["ready_entries", roomId, sessionId, senderKey]),
            entries[index]?.json ?? new Uint8Array(),
        );
        sql.prepare("INSERT INTO ready_entries VALUES (?, ?, ?, 0, 1, ?, ?, ?)").run(
            roomId,
            sessionId,
            senderKey,
            String(row["claim"]),
            String(row["verdict"]),
            sealed,
        );
    }
    prepareTables(sql, { path: ":memory:", ...BOT }, seal);
    const bundle = await build({ strangers: ["@alice:home"] });
    expect([sharedIn(bundle), withheldIn(bundle)]).toEqual([["1"], ["2"]]);
    expect(bundle.content.room_keys).toEqual([
        expect.objectContaining({ session_key: "key of 1 from 0", sender_key: "@alice:home" }),
    ]);
});

test("the same set makes the same file twice under one key", async () => {
    receive("1", "2", ["3", closed]);
    const secrets = { key: new Uint8Array(32).fill(1), iv: new Uint8Array(16) };
    const [one, other] = [await build(secrets), await build(secrets)];
    expect(one.sha256).toBe(other.sha256);
    receive("4");
    expect((await build(secrets)).sha256).not.toBe(one.sha256);
});

test("page by page or session by session, the file is the same", async () => {
    const session = fc.tuple(
        fc.integer({ min: 0, max: 60 }).map(String),
        fc.record({
            from: fc.constantFrom("@alice:home", "@alice:home", "@alice:home", "@bob:home"),
            open: fc.integer({ max: 9, min: 0 }).map((dice) => dice > 0),
            firstIndex: fc.integer({ min: 0, max: 3 }),
        }),
    );
    const commits = fc.array(
        fc.uniqueArray(session, { minLength: 1, maxLength: 25, selector: ([id, { from }]) => id + from }),
        {
            maxLength: 12,
        },
    );
    const strangers = fc.constantFrom([], [], ["@bob:home"]);
    const caps = fc.record({
        maxSessions: fc.constantFrom(1_000_000, 1_000_000, 3, 20),
        maxBytes: fc.constantFrom(undefined, undefined, 1_000, 6_000),
    });
    await fc.assert(
        fc.asyncProperty(commits, strangers, caps, async (sessions, outside, cap) => {
            sql.exec("SAVEPOINT untouched");
            for (const commit of sessions) receive(...commit);
            const request = { key: new Uint8Array(32).fill(1), iv: new Uint8Array(16), strangers: outside };
            const times = Array.from({ length: 61 }, (_, index) => ({ sessionId: String(index), firstAt: index }));
            const byPage = await build({ ...request, times, limits: { ...cap, notBefore: undefined } });
            // An age that nothing has reached has each session looked at.
            const bySession = await build({
                ...request,
                times,
                limits: { ...cap, notBefore: Number.NEGATIVE_INFINITY },
            });
            sql.exec("ROLLBACK TO untouched; RELEASE untouched");
            const facts = ({ sha256, shared, withheld, leftOut }: OpenedBundle) => ({
                sha256,
                shared,
                withheld,
                leftOut,
            });
            expect(facts(byPage)).toEqual(facts(bySession));
            expect(byPage.content.room_keys).toHaveLength(byPage.shared);
        }),
    );
});
