import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openDatabase } from "../database/index.ts";
import { LeftRooms } from "../rooms/index.ts";
import { deriveSeal, SealBroken } from "../sealing/index.ts";
import { sharingReport } from "../sharing/index.ts";
import { schemas } from "./folder/schemas.ts";
import { invitees } from "./testing/fixtures/batches.ts";
import { readings } from "./testing/fixtures/readings.ts";
import {
    accessToken,
    approval,
    BOT,
    bundleFile,
    contents,
    expectation,
    fingerprint,
    LEFT_ROOM,
    ledgerOn,
    OTHER_ROOM,
    ran,
    ROOM,
    storeKey,
} from "./testing/fixtures/story.ts";

const folder = join(import.meta.dirname, "testing/fixtures");
const fixtures = readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? [entry.name] : [],
);

let dataDir: string;
beforeEach(() => {
    dataDir = mkdtempSync(join(tmpdir(), "stored-earlier-"));
});
afterEach(() => {
    rmSync(dataDir, { recursive: true });
});

const path = (): string => join(dataDir, "backscroll.sqlite");

function unpack(fixture: string) {
    writeFileSync(path(), gunzipSync(readFileSync(join(folder, fixture, "backscroll.sqlite.gz"))));
    return expectation.parse(JSON.parse(readFileSync(join(folder, fixture, "expectation.json"), "utf8")));
}

test.each(fixtures)("%s: status, audit, the jobs' stories and the pins are what they were", async (fixture) => {
    const expected = unpack(fixture);
    openDatabase({ path: path(), schemas }).close();
    const found = await readings(dataDir);
    // A later version may say more of each, and nothing else.
    expect(found).toMatchObject(expected);
    expect(found.audit.deliveries).toHaveLength(fixture === "first" ? 4 : 5);
    expect(new Set(found.status.jobs.map(({ state }) => state))).toEqual(new Set(Object.keys(invitees)));
});

test.each(fixtures)("%s: what is sealed opens with its store key, and with no other", (fixture) => {
    unpack(fixture);
    const database = openDatabase({ path: path(), schemas });
    const files = (key: Uint8Array) => ledgerOn(database, dataDir, key).files;
    expect(files(storeKey).find(ROOM, fingerprint)).toMatchObject({ file: bundleFile, contents });
    expect(() => files(new Uint8Array(32)).find(ROOM, fingerprint)).toThrow(SealBroken);
    const sealed = database.sql.prepare("SELECT access_token FROM account").get()?.["access_token"];
    const opened = deriveSeal(storeKey, "account").open(
        `account/access_token/${BOT.userId}/${BOT.deviceId}`,
        sealed instanceof Uint8Array ? sealed : new Uint8Array(),
    );
    expect(Buffer.from(opened).toString()).toBe(accessToken);
    database.close();
});

test.each(fixtures)("%s: the jobs go on where they were, and the rooms are what they were", (fixture) => {
    unpack(fixture);
    const database = openDatabase({ path: path(), schemas });
    const { jobs, rooms } = ledgerOn(database, dataDir);
    const places = { limit: 100, ofRoom: 100, ofServer: 100, ownServer: "home" };
    const due = database.transaction(() => jobs.due(places, Date.parse("2100-01-01")));
    expect(due.map(({ userId }) => userId)).toEqual(["@queued:home", "@delivering:home"]);
    database.transaction(() => {
        for (const job of jobs.open(ROOM)) jobs.end(job, "bot_left");
    });
    expect(jobs.open(ROOM)).toEqual([]);
    expect(rooms.joined().map(({ roomId, visibility }) => [roomId, visibility])).toEqual([[ROOM, "shared"]]);
    expect(rooms.canInvite(ROOM, BOT.userId)).toBe(true);
    expect(new LeftRooms(database).due(0)).toEqual([LEFT_ROOM]);
    database.close();
});

test.each(fixtures.filter((fixture) => fixture !== "first"))(
    "%s: bundles are waited for, approvals stand, and sendings without an answer are in the audit when their jobs end",
    (fixture) => {
        unpack(fixture);
        const database = openDatabase({ path: path(), schemas });
        const { jobs, received } = ledgerOn(database, dataDir);
        expect(received.waiting()).toEqual([
            expect.objectContaining({ roomId: OTHER_ROOM, inviter: "@alice:home", reason: "unreachable" }),
        ]);
        expect(received.of(ROOM)).toMatchObject({ state: "taken", keys: 12, withheld: 1 });
        expect(jobs.newest(ROOM, invitees.done)?.approved).toEqual([approval]);
        expect(database.sql.prepare("SELECT ran FROM running_clock").get()).toEqual({ ran });
        const inDoubt = (): readonly string[] =>
            sharingReport(database.sql)
                .audit({ roomId: ROOM, userId: undefined, since: undefined })
                .deliveries.flatMap(({ user_id: userId, sent }) => (sent === "unknown" ? [userId] : []));
        expect(inDoubt()).toEqual([invitees.cancelled]);
        database.transaction(() => {
            for (const job of jobs.open(ROOM, invitees.delivering)) jobs.end(job, "bot_left");
        });
        expect(inDoubt()).toEqual([invitees.delivering, invitees.cancelled]);
        database.close();
    },
);
