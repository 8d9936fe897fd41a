import { RunningClock, runningClockSchema } from "../due/index.ts";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { OfferedBundle, TakenBundle, UserKeys } from "../crypto/index.ts";
import { type Database, openDatabase } from "../database/index.ts";
import { HomeserverError, type HomeserverProblem } from "../homeserver/index.ts";
import type { Logger } from "../telemetry/index.ts";
import { BundleReceiver, bundleSentence, ReceivedBundles, receivingSchema } from "./index.ts";

const room = "!room:home";
const alice = "@alice:home";
const hour = 3_600_000;
const device = { deviceId: "ALICE", crossSigned: true, dehydrated: false };
const signed: UserKeys = { masterKey: "hers", devices: [device] };
const taken: TakenBundle = { outcome: "taken", keys: 5, taken: 3, refused: 1, withheld: 2 };

let database: Database;
let bundles: ReceivedBundles;
let receiver: BundleReceiver;
let offers: Map<string, OfferedBundle>;
let calls: string[];
let logged: string[];
/** Who invited the bot and announced nothing. */
let without: string[];
/** After each look, whether the room is looked at. */
let looks: boolean[];
let clock: RunningClock;
/** What each part does when it is asked. */
let does: {
    getMedia: () => Promise<Uint8Array>;
    takeBundle: () => Promise<TakenBundle>;
    refreshKeys: () => Promise<UserKeys | undefined>;
    bundleOfferers: () => Promise<readonly string[]>;
};

beforeEach(() => {
    vi.useFakeTimers({ now: 1_000_000, toFake: ["setTimeout", "clearTimeout", "Date", "performance"] });
    database = openDatabase({ path: ":memory:", schemas: [runningClockSchema, receivingSchema] });
    clock = new RunningClock({ database, monotonic: () => performance.now(), wall: Date.now });
    bundles = new ReceivedBundles(database.sql);
    offers = new Map();
    calls = [];
    logged = [];
    without = [];
    looks = [];
    does = {
        getMedia: () => Promise.resolve(new Uint8Array(3)),
        takeBundle: () => Promise.resolve(taken),
        refreshKeys: () => Promise.resolve(signed),
        bundleOfferers: () => Promise.resolve([]),
    };
    receiver = start();
});

afterEach(async () => {
    await receiver.stop();
    vi.useRealTimers();
    database.close();
});

function start(): BundleReceiver {
    const say = (_: object, message: string): void => void logged.push(message);
    const log: Logger = { debug: say, info: say, warn: say, error: say, child: () => log };
    const called = <T>(name: string, answer: () => Promise<T>): Promise<T> => {
        calls.push(name);
        return answer();
    };
    return new BundleReceiver({
        database,
        bundles,
        crypto: {
            offeredBundle: (_, userId) => Promise.resolve(offers.get(userId)),
            bundleOfferers: () => does.bundleOfferers(),
            takeBundle: ({ sender, url }) => called(`take ${url} of ${sender}`, does.takeBundle),
            forgetOffer: () => called("forget", () => Promise.resolve()),
        },
        homeserver: { getMedia: (url) => called(`get ${url}`, does.getMedia) },
        refreshKeys: (userId) => called(`keys of ${userId}`, does.refreshKeys),
        pin: (_, masterKey) => (masterKey === "another" ? "the first" : masterKey),
        looked: () => looks.push(receiver.isLookingAt(room)),
        noBundleCame: ({ roomId, userId, invitedAfter }) =>
            void without.push(`${userId} in ${roomId} after ${invitedAfter}`),
        keysCame: (roomId) => called(`count ${roomId}`, () => Promise.resolve()),
        log,
        now: Date.now,
        clock,
        random: () => 0,
    });
}

function offer(more: Partial<OfferedBundle> = {}): OfferedBundle {
    return {
        url: "mxc://home/one",
        receivedAt: Date.now(),
        masterKey: "hers",
        deviceId: "ALICE",
        crossSigned: true,
        ...more,
    };
}

function join(): void {
    clock.count();
    database.transaction(() => bundles.expect(room, alice, Date.now()));
    receiver.wake();
}

const refused = (problem: HomeserverProblem) => () => Promise.reject(new HomeserverError("get_media", problem));
const settled = (): Promise<void> => vi.waitFor(() => expect(bundles.of(room)?.state).not.toBe("waiting"));
/** Lets everything happen that falls due within this time. */
const pass = (milliseconds: number): Promise<unknown> => vi.advanceTimersByTimeAsync(milliseconds);

test("what is here at the join is taken, then counted, and its announcement forgotten", async () => {
    offers.set(alice, offer());
    join();
    expect(receiver.isLookingAt(room)).toBe(true);
    await pass(0);
    expect(looks).toEqual([false]);
    expect(bundles.of(room)).toMatchObject({ state: "taken", keys: 4, withheld: 2, reason: undefined });
    expect(calls).toEqual([
        `keys of ${alice}`,
        "get mxc://home/one",
        `take mxc://home/one of ${alice}`,
        "forget",
        `count ${room}`,
    ]);
    receiver.announced([room]);
    await pass(48 * hour);
    expect(calls).toHaveLength(5);
});

test("one that comes within 24 hours is taken, also if it comes while the bot looks, or after a restart", async () => {
    const looking = Promise.withResolvers<readonly string[]>();
    does.bundleOfferers = () => looking.promise;
    join();
    await pass(1);
    offers.set(alice, offer());
    receiver.announced([room]);
    looking.resolve([]);
    await settled();

    database.transaction(() => bundles.expect(room, alice, Date.now() + 1));
    offers.clear();
    receiver.wake();
    await pass(23 * hour);
    await receiver.stop();
    receiver = start();
    offers.set(alice, offer());
    receiver.wake();
    await settled();
    expect(calls.filter((call) => call.startsWith("take"))).toHaveLength(2);
});

test("after a day without one nothing is awaited any more; what comes later is not taken", async () => {
    join();
    await pass(24.5 * hour);
    expect(bundles.of(room)).toBeUndefined();

    join();
    await receiver.stop();
    await pass(25 * hour);
    offers.set(alice, offer());
    receiver = start();
    receiver.wake();
    await settled();
    expect(bundles.of(room)).toMatchObject({ state: "not_taken", reason: "late" });
});

/** Joins at an invite of which it is known when it was made. */
function joinAfter(invitedAfter: number): void {
    clock.count();
    database.transaction(() => bundles.expect(room, alice, Date.now(), invitedAfter));
    receiver.wake();
}

test.each<[string, UserKeys, readonly string[]]>([
    ["a signed device", signed, [`${alice} in ${room} after 7`]],
    ["a device that nobody has signed", { ...signed, devices: [{ ...device, crossSigned: false }] }, []],
    ["a dehydrated device alone", { ...signed, devices: [{ ...device, dehydrated: true }] }, []],
    ["no identity", { masterKey: null, devices: [] }, []],
])("of an inviter with %s who announced nothing for a day, it is noted if they could have", async (_, keys, noted) => {
    does.refreshKeys = () => Promise.resolve(keys);
    joinAfter(7);
    await pass(23 * hour);
    expect([calls, without]).toEqual([[], []]);
    await pass(1.5 * hour);
    expect([bundles.of(room), calls, without]).toEqual([undefined, [`keys of ${alice}`], noted]);
});

test("an inviter of whom nobody knows when they invited, or who announced something, is not noted", async () => {
    join();
    await pass(25 * hour);
    offers.set(alice, offer());
    joinAfter(7);
    await pass(25 * hour);
    expect([bundles.of(room)?.state, without]).toEqual(["taken", []]);
});

test.each<[string, () => Promise<UserKeys | undefined>]>([
    ["theirs", () => Promise.resolve(undefined)],
    [
        "ours",
        () => Promise.reject(new HomeserverError("keys_query", { kind: "unreachable", reason: "refused", detail: "" })),
    ],
])("before it is noted, a homeserver that is away, %s, is waited for, for a week", async (_, away) => {
    does.refreshKeys = away;
    joinAfter(7);
    await pass(5 * 24 * hour);
    expect([bundles.of(room), without]).toMatchObject([{ state: "waiting", reason: undefined }, []]);
    does.refreshKeys = () => Promise.resolve(signed);
    await pass(hour);
    expect([bundles.of(room), without]).toEqual([undefined, [`${alice} in ${room} after 7`]]);
    does.refreshKeys = away;
    joinAfter(8);
    await pass(8 * 24 * hour);
    expect([bundles.of(room), without]).toEqual([undefined, [`${alice} in ${room} after 7`]]);
    expect(calls.length).toBeLessThan(1_500);
});

test("a clock that jumps ahead for a minute notes nobody, and a restart in the day forgets nobody", async () => {
    joinAfter(7);
    await pass(hour);
    vi.setSystemTime(Date.now() + 900 * 24 * hour);
    receiver.announced([room]);
    await pass(60_000);
    vi.setSystemTime(Date.now() - 900 * 24 * hour);
    await pass(hour);
    await receiver.stop();
    receiver = start();
    receiver.wake();
    await pass(21 * hour);
    expect(without).toEqual([]);
    await pass(2 * hour);
    expect(without).toEqual([`${alice} in ${room} after 7`]);
});

test("who joined under a clock that was years ahead is waited for as long as others are", async () => {
    let asked = 0;
    does.bundleOfferers = () => {
        asked += 1;
        return Promise.resolve([]);
    };
    database.transaction(() => bundles.expect(room, alice, Date.now() + 900 * 24 * hour));
    receiver.wake();
    await pass(23 * hour);
    expect(bundles.of(room)).toMatchObject({ state: "waiting" });
    await pass(25 * hour);
    expect(asked).toBeLessThan(5);
    expect(bundles.of(room)).toBeUndefined();
});

test("a clock that jumps ahead for a minute ends no waiting", async () => {
    join();
    await pass(hour);
    vi.setSystemTime(Date.now() + 900 * 24 * hour);
    receiver.announced([room]);
    await pass(60_000);
    vi.setSystemTime(Date.now() - 900 * 24 * hour);
    await pass(hour);
    expect(bundles.of(room)).toMatchObject({ state: "waiting" });
    offers.set(alice, offer());
    receiver.announced([room]);
    await settled();
    expect(bundles.of(room)).toMatchObject({ state: "taken" });
});

test("of two rooms the files are downloaded and taken one after the other", async () => {
    const file = Promise.withResolvers<Uint8Array>();
    does.getMedia = () => file.promise;
    offers.set(alice, offer());
    offers.set("@bob:home", offer({ url: "mxc://home/two" }));
    database.transaction(() => bundles.expect("!another:home", "@bob:home", Date.now()));
    join();
    await pass(60_000);
    expect(calls.filter((call) => call.startsWith("get"))).toHaveLength(1);
    file.resolve(new Uint8Array(3));
    await vi.waitFor(() => expect(bundles.waiting()).toEqual([]));
    expect(calls.filter((call) => call.startsWith("get") || call.startsWith("take"))).toHaveLength(4);
});

test("what was announced under a clock that was years ahead is not late", async () => {
    offers.set(alice, offer({ receivedAt: Date.now() + 900 * 24 * hour }));
    join();
    await settled();
    expect(bundles.of(room)).toMatchObject({ state: "taken" });
});

test("what others announce stays unopened, and the log says so", async () => {
    offers.set("@mallory:home", offer());
    does.bundleOfferers = () => Promise.resolve(["@mallory:home"]);
    join();
    for (let batch = 0; batch < 3; batch++) {
        await pass(hour);
        receiver.announced([room]);
    }
    expect(calls).toEqual([]);
    expect(logged).toEqual(["left room key bundles unopened: they are not of whoever invited the bot"]);
    expect(bundles.of(room)).toMatchObject({ state: "waiting" });
});

test.each([
    [
        "a device that is not signed",
        { crossSigned: false },
        "unsigned_device",
        "that its owner's identity has not signed",
    ],
    [
        "somebody without an identity",
        { masterKey: null },
        "unsigned_device",
        "that its owner's identity has not signed",
    ],
    [
        "another identity than the first",
        { masterKey: "another" },
        "identity_changed",
        "not the one that the bot saw first",
    ],
])("a bundle of %s waits for a day, and is taken when that is put right", async (_, wrong, reason, sentence) => {
    offers.set(alice, offer(wrong));
    join();
    await pass(2 * hour);
    const waiting = bundles.of(room);
    expect(waiting).toMatchObject({ state: "waiting", reason });
    expect(waiting && bundleSentence(waiting)).toContain(`of ${alice}, who invited the bot, is not taken yet: `);
    expect(logged).toEqual([expect.stringContaining(sentence)]);
    expect(calls.filter((call) => call.startsWith("get"))).toEqual([]);
    offers.set(alice, offer());
    await pass(hour);
    expect(bundles.of(room)).toMatchObject({ state: "taken", reason: undefined });

    offers.set(alice, offer(wrong));
    database.transaction(() => bundles.expect(room, alice, Date.now()));
    receiver.wake();
    await pass(25 * hour);
    expect(bundles.of(room)).toMatchObject({ state: "not_taken", reason });
});

test.each<[string, HomeserverProblem, string]>([
    ["gone", { kind: "not_found", errcode: "M_NOT_FOUND", error: "no" }, "media_gone"],
    ["too large", { kind: "too_large", errcode: "none", error: "no" }, "too_large"],
])("a file that is %s ends it", async (_, problem, reason) => {
    does.getMedia = refused(problem);
    offers.set(alice, offer());
    join();
    await pass(0);
    expect(bundles.of(room)).toMatchObject({ state: "not_taken", reason });
    expect(calls.at(-1)).toBe("forget");
});

test.each([
    ["hash_mismatch", { outcome: "hash_mismatch" }],
    ["malformed", { outcome: "malformed", detail: "it is no JSON object" }],
] as const)("%s ends it", async (reason, outcome) => {
    does.takeBundle = () => Promise.resolve(outcome);
    offers.set(alice, offer());
    join();
    await pass(0);
    expect(bundles.of(room)).toMatchObject({ state: "not_taken", reason });
});

test.each([
    ["the file's homeserver", "getMedia", refused({ kind: "unreachable", reason: "refused", detail: "" })],
    ["the file's homeserver, in trouble", "getMedia", refused({ kind: "rate_limited", retryAfterMs: 5 })],
    ["the inviter's homeserver", "refreshKeys", () => Promise.resolve(undefined)],
] as const)("%s is waited for, ever more rarely, for a week", async (_, part, away) => {
    const usual = does[part];
    Object.assign(does, { [part]: away });
    offers.set(alice, offer());
    join();
    await pass(hour);
    expect(bundles.of(room)).toMatchObject({ state: "waiting", reason: "unreachable" });
    const looks = calls.filter((call) => call.startsWith("keys of")).length;
    expect(looks).toBeGreaterThan(5);
    expect(looks).toBeLessThan(12);
    Object.assign(does, { [part]: usual });
    await pass(hour);
    expect(bundles.of(room)).toMatchObject({ state: "taken" });

    Object.assign(does, { [part]: away });
    database.transaction(() => bundles.expect(room, alice, Date.now()));
    receiver.wake();
    await pass(8 * 24 * hour);
    expect(bundles.of(room)).toMatchObject({ state: "not_taken", reason: "unreachable" });
});

test("a flood of announcements does not make it ask more often", async () => {
    does.getMedia = refused({ kind: "unreachable", reason: "refused", detail: "" });
    offers.set(alice, offer());
    join();
    for (let batch = 0; batch < 100; batch++) {
        receiver.announced([room]);
        await pass(100);
    }
    expect(calls.filter((call) => call.startsWith("get"))).toHaveLength(2);
});

test("a stop does not wait for a bundle that takes long: it is taken once more", async () => {
    does.takeBundle = () => Promise.withResolvers<TakenBundle>().promise;
    offers.set(alice, offer());
    join();
    await pass(0);
    await receiver.stop();
    expect(bundles.of(room)).toMatchObject({ state: "waiting" });
    expect(calls.at(-1)).toBe(`take mxc://home/one of ${alice}`);
    does.takeBundle = () => Promise.resolve(taken);
    receiver = start();
    receiver.wake();
    await settled();
});

test("another bundle that is announced during the download is downloaded in its place", async () => {
    offers.set(alice, offer());
    does.takeBundle = () => {
        offers.set(alice, offer({ url: "mxc://home/two" }));
        does.takeBundle = () => Promise.resolve(taken);
        return Promise.resolve({ outcome: "replaced" });
    };
    join();
    await pass(10_000);
    await settled();
    expect(calls.filter((call) => call.startsWith("get"))).toEqual(["get mxc://home/one", "get mxc://home/two"]);
});

test("a giver who announces another bundle whenever one is taken does not keep the bot busy", async () => {
    let file = 0;
    const another = (): void => void offers.set(alice, offer({ url: `mxc://home/${file++}` }));
    does.takeBundle = () => {
        another();
        receiver.announced([room]);
        return Promise.resolve({ outcome: "replaced" });
    };
    another();
    join();
    await pass(hour);
    const downloads = calls.filter((call) => call.startsWith("get")).length;
    expect(downloads).toBeGreaterThan(5);
    expect(downloads).toBeLessThan(12);
});

test("a disk that does not take the outcome has it taken again", async () => {
    offers.set(alice, offer());
    does.takeBundle = () => {
        vi.spyOn(database, "transaction").mockImplementationOnce(() => {
            throw new Error("the disk is full");
        });
        does.takeBundle = () => Promise.resolve(taken);
        return Promise.resolve(taken);
    };
    join();
    await pass(hour);
    expect(bundles.of(room)).toMatchObject({ state: "taken" });
    expect(calls.filter((call) => call.startsWith("take"))).toHaveLength(2);
});

test("what ends for want of a bundle is this join's waiting, and not the next one's", async () => {
    const looking = Promise.withResolvers<readonly string[]>();
    does.bundleOfferers = () => looking.promise;
    database.transaction(() => bundles.expect(room, alice, Date.now() - 25 * hour));
    receiver.wake();
    await pass(1);
    database.transaction(() => bundles.expect(room, "@bob:home", Date.now()));
    looking.resolve([]);
    await pass(1);
    expect(bundles.of(room)).toMatchObject({ inviter: "@bob:home", state: "waiting" });
});

test("who leaves meanwhile, or is invited anew by another, has nothing written for them", async () => {
    offers.set(alice, offer());
    const downloading = Promise.withResolvers<Uint8Array>();
    does.getMedia = () => downloading.promise;
    join();
    await pass(0);
    database.transaction(() => {
        bundles.forget(room);
        bundles.expect(room, "@bob:home", Date.now() + 1);
    });
    downloading.resolve(new Uint8Array(3));
    await pass(0);
    expect(bundles.of(room)).toMatchObject({ inviter: "@bob:home", state: "waiting", reason: undefined });
    expect(calls).not.toContain("forget");
});

test("rooms of an inviter whose server does not answer stand behind those that were not looked at yet", async () => {
    const mallory = "@mallory:slow";
    offers.set(mallory, offer({ url: "mxc://slow/one" })).set(alice, offer());
    does.getMedia = refused({ kind: "unreachable", reason: "timeout", detail: "" });
    database.transaction(() =>
        ["!1:slow", "!2:slow", "!3:slow"].forEach((one) => bundles.expect(one, mallory, Date.now())),
    );
    receiver.wake();
    await pass(4_000);
    const before = calls.length;
    // Nobody is told of the new room before the older ones fall due.
    database.transaction(() => bundles.expect(room, alice, Date.now()));
    await pass(6_100);
    expect(calls[before]).toBe(`keys of ${alice}`);
});
