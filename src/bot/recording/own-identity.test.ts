import { beforeEach, expect, test } from "vitest";
import type { OwnIdentity } from "../../crypto/index.ts";
import { type Database, openDatabase } from "../../database/index.ts";
import { RoomReader } from "../../rooms/index.ts";
import { deriveSeal } from "../../sealing/index.ts";
import { type SharingRecords, sharingRecords } from "../../sharing/index.ts";
import { Timelines } from "../../timeline/index.ts";
import { schemas } from "../folder/schemas.ts";
import { identityProblems, type OwnIdentityParts, recordOwnIdentity } from "./own-identity.ts";

const ours: OwnIdentity = { state: "ours" };
const replaced = (masterKey: string): OwnIdentity => ({ state: "replaced", masterKey });
const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {}, child: () => silent };

let database: Database;
let jobs: SharingRecords["jobs"];
let now: number;

beforeEach(() => {
    database = openDatabase({ path: ":memory:", schemas });
    now = 1_000_000;
    ({ jobs } = records());
    database.sql.exec(
        "INSERT INTO account (id, user_id, device_id, logged_in, master_key, cross_signed) VALUES (1, '@bot:home', 'BOT', 1, 'ours', 1)",
    );
});

function records(): SharingRecords {
    return sharingRecords({
        database,
        seal: deriveSeal(new Uint8Array(32), "sharing"),
        botUserId: "@bot:home",
        policy: () => {
            throw new Error("nothing is decided here");
        },
        rooms: new RoomReader(database),
        timelines: new Timelines(database),
        clock: { now: () => now, ran: () => now },
        isCrossSigned: () => true,
        now: () => now,
    });
}

/** Answers whether it was news. */
function heard(identity: OwnIdentity): boolean {
    const facts = {} as OwnIdentityParts["ledger"]["facts"];
    const ledger = { jobs, notices: records().notices, facts };
    return recordOwnIdentity({ database, ledger, log: silent, now: () => now }, identity);
}

const row = () =>
    database.sql
        .prepare("SELECT master_key, cross_signed, identity_state, identity_since, published_key FROM account")
        .get();
const noticed = () => records().notices.standingAfter(0);

test("an identity that was replaced is written down with since when, and admins are told once", () => {
    expect(heard(ours)).toBe(false);
    expect(heard(replaced("foreign"))).toBe(true);
    const lost = {
        master_key: "ours",
        cross_signed: 0,
        identity_state: "replaced",
        identity_since: 1_000_000,
        published_key: "foreign",
    };
    expect({ ...row() }).toEqual(lost);
    const notices = noticed();
    expect(notices).toMatchObject([{ about: "bot", identity: "replaced" }]);
    expect(identityProblems(database)).toEqual([
        expect.stringMatching(/another client.*\(foreign\)|\(foreign\).*another client/i),
    ]);
    now += 1;
    expect(heard(replaced("foreign"))).toBe(false);
    expect({ ...row() }).toEqual(lost);
    expect(noticed()).toEqual(notices);
});

test("another foreign identity is told of anew", () => {
    heard(replaced("first"));
    const [before] = noticed();
    expect(heard(replaced("second"))).toBe(true);
    const [after, ...more] = noticed();
    expect([after?.about, more]).toEqual(["bot", []]);
    expect(after?.id).toBeGreaterThan(before?.id ?? 0);
});

test("what is in order again leaves no trace, and whoever waited goes on at once", () => {
    const job = database.transaction(() => jobs.create({ ...invite }));
    if (job === undefined) throw new Error("expected a job");
    database.transaction(() => jobs.retry(job, "bot_not_cross_signed", 900_000));
    heard({ state: "gone" });
    expect(jobs.get(job.id)?.nextAttemptAt).toBe(now + 900_000);
    expect(heard(ours)).toBe(true);
    expect({ ...row() }).toMatchObject({
        master_key: "ours",
        cross_signed: 1,
        identity_state: "ours",
        identity_since: null,
    });
    expect([noticed(), identityProblems(database)]).toEqual([[], []]);
    expect(jobs.get(job.id)?.nextAttemptAt).toBe(now);
});

test("what could not be written is not half written", () => {
    const { notices } = records();
    notices.identity = () => {
        throw new Error("the disk is full");
    };
    const ledger = { jobs, notices, facts: {} as OwnIdentityParts["ledger"]["facts"] };
    expect(() => recordOwnIdentity({ database, ledger, log: silent, now: () => now }, { state: "gone" })).toThrow(
        "the disk is full",
    );
    expect(row()?.["identity_state"]).toBe("ours");
});

const invite = {
    roomId: "!room:home",
    userId: "@charlie:home",
    inviter: "@alice:home",
    origin: "invite",
    inviteEventId: "$invite",
    byAnotherBot: false,
} as const;
