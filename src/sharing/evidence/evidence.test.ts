import { beforeEach, expect, test } from "vitest";
import type { SharingSigns } from "../../crypto/index.ts";
import { type Database, openDatabase } from "../../database/index.ts";
import { evidenceSchema } from "./evidence-schema.ts";
import { SharingEvidence } from "./evidence.ts";

const alice = "@alice:home";
const minute = 60_000;
const now = 1_000 * minute;

let database: Database;
let evidence: SharingEvidence;
beforeEach(() => {
    database = openDatabase({ path: ":memory:", schemas: [evidenceSchema] });
    evidence = new SharingEvidence(database.sql);
    return () => database.close();
});

const signs = (of: Partial<SharingSigns>, userId = alice): SharingSigns => ({
    userId,
    machineFlagAt: undefined,
    specFlagAt: undefined,
    silentAt: undefined,
    bundleAt: undefined,
    ...of,
});

interface When {
    readonly openSince?: number;
    readonly at?: number;
}
function note(seen: readonly SharingSigns[], { openSince, at = now }: When = {}): void {
    database.transaction(() => evidence.note(seen, openSince, at));
}

test("of each sign the latest of all rooms is kept, and copying the same again changes nothing", () => {
    expect(evidence.of(alice)).toBeUndefined();
    note([signs({ machineFlagAt: 5, bundleAt: 9 })]);
    note([signs({ machineFlagAt: 7, bundleAt: 3, specFlagAt: 1 })]);
    const known = {
        machineFlagAt: 7,
        bundleAt: 9,
        specFlagAt: 1,
        silentWhileOpenAt: undefined,
        keptToThemselvesAt: undefined,
    };
    expect(evidence.of(alice)).toEqual(known);
    const changes = database.sql.prepare("SELECT total_changes() AS n");
    const before = changes.get()?.["n"];
    note([signs({ machineFlagAt: 5, bundleAt: 9 })]);
    expect([evidence.of(alice), changes.get()?.["n"]]).toEqual([known, before]);
});

test.each<[string, number, When, number | undefined]>([
    ["a room that had been open for a minute", 10 * minute, { openSince: 9 * minute }, 10 * minute],
    ["one that had been opened just before", 10 * minute, { openSince: 9 * minute + 1 }, undefined],
    ["one that was opened since", 10 * minute, { openSince: 11 * minute }, undefined],
    ["one that is closed", 10 * minute, {}, undefined],
    ["a clock that was set back since", now + 1, { openSince: minute }, undefined],
])("a key without a flag in %s", (_, silentAt, when, expected) => {
    note([signs({ silentAt })], when);
    expect(evidence.of(alice)?.silentWhileOpenAt).toBe(expected);
});

test("silence in an open room stays on record when the room is closed and opened again", () => {
    note([signs({ silentAt: 10 * minute })], { openSince: minute });
    note([signs({ silentAt: 10 * minute })]);
    note([signs({ silentAt: 10 * minute })], { openSince: 20 * minute });
    expect(evidence.of(alice)).toMatchObject({ silentWhileOpenAt: 10 * minute });
});

test("what a clock that was ahead has left gives way to what comes under the right one", () => {
    note([signs({ bundleAt: now * 9 })], { at: now * 9 });
    expect(evidence.of(alice)).toMatchObject({ bundleAt: now * 9 });
    note([signs({ bundleAt: now * 9 })]);
    expect(evidence.of(alice)).toMatchObject({ bundleAt: now });
    note([signs({ bundleAt: now + 5 })], { at: now + 5 });
    expect(evidence.of(alice)).toMatchObject({ bundleAt: now + 5 });
});

test.each<[string, readonly Partial<SharingSigns>[], boolean]>([
    ["flags in the specification's spelling, and a bundle", [{ specFlagAt: 5, bundleAt: 5 }], true],
    ["first the one, then in another room the other", [{ bundleAt: 5 }, { specFlagAt: 9 }], true],
    ["and later another client's flags", [{ specFlagAt: 5, bundleAt: 5 }, { machineFlagAt: 9 }], true],
    ["flags in both spellings", [{ machineFlagAt: 4 }, { specFlagAt: 5, bundleAt: 5 }], false],
    ["no bundle", [{ specFlagAt: 5 }], false],
    ["no flag", [{ bundleAt: 5 }], false],
])("the specification's spelling means sharing from the first who: %s", (_, seen, expected) => {
    for (const one of seen) note([signs(one)]);
    expect(evidence.specSpellingShares()).toBe(expected);
});

test("the spelling of one and the bundle of another prove nothing of it", () => {
    note([signs({ specFlagAt: 5 }), signs({ bundleAt: 5 }, "@bob:home")]);
    expect(evidence.specSpellingShares()).toBe(false);
});

test("who invited the bot without a bundle has kept keys to themselves once it is seen that they had some", () => {
    const inviter = { roomId: "!room:home", userId: alice, invitedAfter: 100 };
    database.transaction(() => evidence.noteInviterWithoutBundle(inviter));
    expect(evidence.inviterWithoutBundle("!room:home")).toEqual(inviter);
    expect(evidence.of(alice)).toBeUndefined();
    database.transaction(() => evidence.keptToThemselves({ ...inviter, invitedAfter: 90 }, now));
    expect(evidence.of(alice)).toBeUndefined();
    database.transaction(() => evidence.keptToThemselves(inviter, now));
    expect(evidence.of(alice)).toMatchObject({ keptToThemselvesAt: 100 });
    expect(evidence.inviterWithoutBundle("!room:home")).toBeUndefined();
});

test("of whom nothing was heard for longest goes first", () => {
    evidence = new SharingEvidence(database.sql, 2);
    note([signs({ bundleAt: 1 }), signs({ bundleAt: 1 }, "@bob:home")]);
    note([signs({ bundleAt: 2 })]);
    note([signs({ bundleAt: 1 }, "@carol:home")]);
    expect([alice, "@bob:home", "@carol:home"].map((userId) => evidence.of(userId)?.bundleAt)).toEqual([
        2,
        undefined,
        1,
    ]);
});
