import * as fc from "fast-check";
import { Failure } from "../../failures/index.ts";
import { HomeserverError } from "../../homeserver/index.ts";
import { alice } from "./room.ts";

export const minute = 60_000;
export const day = 24 * 60 * minute;
/** `otherBot` is one that the bot knows, `peer` one that it does not. */
export const inviters = {
    alice,
    dora: "@dora:home",
    mallory: "@mallory:elsewhere",
    otherBot: "@helper:home",
    peer: "@peer:home",
} as const;
const phone = { deviceId: "PHONE", crossSigned: true, dehydrated: false };
const laptop = { deviceId: "LAPTOP", crossSigned: true, dehydrated: false };
export const devices = {
    none: [],
    unsigned: [{ ...phone, crossSigned: false }],
    phone: [phone],
    both: [phone, laptop],
    oneSigned: [phone, { ...laptop, crossSigned: false }],
} as const;

const making = ["shareableSet", "buildBundle", "createMedia", "putMedia", "mediaExists"] as const;
const sending = ["refresh", "look", "openSessions", "sealBundle", "sendToDevice", "deliverySent"] as const;
const calls = [...making, ...sending, "hasAccount", "memberEvent", "putMember", "event"] as const;
export const faults = {
    killed: () => new DOMException("killed", "AbortError"),
    unreachable: (call: string) =>
        new HomeserverError(call, { kind: "unreachable", reason: "connection", detail: "reset" }),
    busy: (call: string) => new HomeserverError(call, { kind: "rate_limited", retryAfterMs: 5_000 }),
    forbidden: (call: string) => new HomeserverError(call, { kind: "forbidden", errcode: "M_FORBIDDEN", error: "no" }),
    diskFull: () => new Failure("disk_full", { path: "/data" }),
} as const;

const one = <W extends string>(...what: readonly W[]) => fc.record({ what: fc.constantFrom(...what) });

/**
 * Anything that may happen to a share job from outside, and whether the bot hears of it and works on it before the next
 * thing happens.
 */
const happening = fc.oneof(
    {
        weight: 3,
        arbitrary: fc.record({
            what: fc.constant("invite" as const),
            by: fc.constantFrom("alice", "alice", "dora", "mallory", "otherBot", "peer", "peer"),
            /** What the mark of a bot names: the invite that stands, or another. */
            names: fc.constantFrom("standing", "standing", "another"),
            redeemed: fc.constantFrom(false, false, false, true),
        }),
    },
    {
        weight: 3,
        arbitrary: fc.record({
            what: fc.constant("inviter" as const),
            who: fc.constantFrom("alice", "alice", "dora", "peer"),
            is: fc.constantFrom("removed", "removed", "left", "powerless", "back", "back"),
        }),
    },
    { weight: 5, arbitrary: one("join") },
    { weight: 3, arbitrary: one("decline", "withdraw", "ban") },
    {
        weight: 5,
        arbitrary: one(
            "pause",
            "resume",
            "resume",
            "approve",
            "approve",
            "trust",
            "trust",
            "cancel",
            "share",
            "askToInvite",
            "botLeaves",
        ),
    },
    {
        weight: 2,
        arbitrary: fc.record({ what: fc.constant("power" as const), granted: fc.constantFrom(true, true, false) }),
    },
    {
        weight: 2,
        arbitrary: fc.record({ what: fc.constant("visibility" as const), open: fc.constantFrom(true, true, false) }),
    },
    { weight: 4, arbitrary: fc.record({ what: fc.constant("keys" as const), shared: fc.constantFrom(0, 3, 3, 3) }) },
    { weight: 2, arbitrary: one("purge") },
    { weight: 1, arbitrary: fc.record({ what: fc.constant("lookalike" as const), there: fc.boolean() }) },
    {
        weight: 5,
        arbitrary: fc.record({
            what: fc.constant("devices" as const),
            now: fc.constantFrom("none", "unsigned", "phone", "both", "oneSigned"),
        }),
    },
    {
        weight: 1,
        arbitrary: fc.record({ what: fc.constant("clock" as const), by: fc.constantFrom(-day, 40 * day, -40 * day) }),
    },
    {
        weight: 2,
        arbitrary: fc.record({ what: fc.constant("reachable" as const), yes: fc.constantFrom(true, true, false) }),
    },
    { weight: 1, arbitrary: fc.record({ what: fc.constant("slow" as const), yes: fc.boolean() }) },
    {
        weight: 1,
        arbitrary: fc.record({ what: fc.constant("account" as const), exists: fc.constantFrom(true, true, false) }),
    },
    {
        weight: 1,
        arbitrary: fc.record({ what: fc.constant("sifted" as const), whole: fc.constantFrom(true, true, false) }),
    },
    {
        weight: 1,
        arbitrary: fc.record({ what: fc.constant("signed" as const), yes: fc.constantFrom(true, true, false) }),
    },
    {
        weight: 1,
        arbitrary: fc.record({
            what: fc.constant("identity" as const),
            masterKey: fc.constantFrom(null, "A", "A", "B"),
        }),
    },
    {
        weight: 8,
        arbitrary: fc.record({
            what: fc.constant("fault" as const),
            call: fc.constantFrom(...calls),
            kind: fc.constantFrom("killed", "killed", "unreachable", "busy", "forbidden", "diskFull"),
            after: fc.boolean(),
        }),
    },
    {
        weight: 8,
        arbitrary: fc.record({
            what: fc.constant("time" as const),
            passes: fc.constantFrom(1, 200, 5_000, 25_000, minute, 20 * minute, day / 2, 2 * day),
        }),
    },
);
export type Happening = typeof happening extends fc.Arbitrary<infer T> ? T : never;

export interface Moment {
    readonly happening: Happening;
    readonly heard: boolean;
    readonly works: boolean;
    /** What else happens, and is heard, in the middle of that work: while this request is under way. */
    readonly meanwhile: { readonly call: (typeof calls)[number]; readonly happening: Happening } | null;
}

const mostly = fc.constantFrom(true, true, true, false);
const interruption: fc.Arbitrary<Happening> = fc.oneof(
    one("pause", "decline", "withdraw", "ban", "join", "cancel"),
    fc.record({
        what: fc.constant("invite" as const),
        by: fc.constantFrom("dora", "mallory", "peer"),
        names: fc.constant("standing" as const),
        redeemed: fc.constant(false),
    }),
    fc.record({
        what: fc.constant("inviter" as const),
        who: fc.constant("alice" as const),
        is: fc.constant("removed" as const),
    }),
    fc.record({ what: fc.constant("visibility" as const), open: fc.constant(false) }),
    fc.record({ what: fc.constant("signed" as const), yes: fc.constant(false) }),
    fc.record({ what: fc.constant("keys" as const), shared: fc.constant(3) }),
    fc.record({ what: fc.constant("devices" as const), now: fc.constantFrom("none", "unsigned", "both") }),
);
const meanwhile = fc.option(fc.record({ call: fc.constantFrom(...calls), happening: interruption }), { freq: 2 });
const moment: fc.Arbitrary<Moment> = fc.record({ happening, heard: mostly, works: mostly, meanwhile });

/** Much is said in the room while an invite is pending. */
const talk: fc.Arbitrary<Moment> = fc.record({
    happening: fc.oneof(
        { weight: 6, arbitrary: fc.record({ what: fc.constant("keys" as const), shared: fc.constant(3) }) },
        {
            weight: 6,
            arbitrary: fc.record({
                what: fc.constant("time" as const),
                passes: fc.constantFrom(5_000, 25_000, 25_000, minute),
            }),
        },
        { weight: 1, arbitrary: happening },
    ),
    heard: fc.constant(true),
    works: fc.constant(true),
    meanwhile,
});

const firstInvite = (during: fc.Arbitrary<Moment["meanwhile"]>): fc.Arbitrary<Moment> =>
    fc.record({
        happening: fc.record({
            what: fc.constant("invite" as const),
            by: fc.constant("alice" as const),
            names: fc.constant("standing" as const),
            redeemed: fc.constantFrom(false, false, false, false, true),
        }),
        heard: mostly,
        works: mostly,
        meanwhile: during,
    });

/** Nothing interferes, and the bot hears and works. */
const quietly = (...events: readonly Happening[]): readonly Moment[] =>
    events.map((event) => ({ happening: event, heard: true, works: true, meanwhile: null }));
const invitedBy = (by: keyof typeof inviters): Happening => ({
    what: "invite",
    by,
    names: "standing",
    redeemed: false,
});

/**
 * Of this room the bot has no key yet: they come while the first invitee is served, and their homeserver takes its
 * time.
 */
const silentRoom = quietly({ what: "slow", yes: true }, { what: "keys", shared: 0 });
const firstKeys = fc.record({
    call: fc.constantFrom(...calls),
    happening: fc.constant({ what: "keys", shared: 3 } as const),
});

/** Whoever invited is banned while the delivery waits for something. */
const bannedMeanwhile = fc
    .constantFrom<readonly [Happening, Happening]>(
        [{ what: "pause" }, { what: "resume" }],
        [
            { what: "power", granted: false },
            { what: "power", granted: true },
        ],
        [
            { what: "visibility", open: false },
            { what: "visibility", open: true },
        ],
        [
            { what: "devices", now: "none" },
            { what: "devices", now: "phone" },
        ],
    )
    .map(([stops, goesOn]) =>
        quietly(stops, invitedBy("alice"), { what: "inviter", who: "alice", is: "removed" }, goesOn, {
            what: "time",
            passes: minute,
        }),
    );

/** Bots that do not know each other invite in each other's place. */
const fight = fc.array(
    fc.constantFrom(invitedBy("peer"), invitedBy("peer"), { what: "time", passes: day / 2 } as const),
    {
        minLength: 4,
        maxLength: 10,
    },
);

/** There is an invite first: nothing can be told of a life in which there never was one. */
const beginning: fc.Arbitrary<readonly Moment[]> = fc.oneof(
    { weight: 5, arbitrary: firstInvite(meanwhile).map((first) => [first]) },
    { weight: 1, arbitrary: firstInvite(firstKeys).map((first) => [...silentRoom, first]) },
    { weight: 1, arbitrary: bannedMeanwhile },
    { weight: 1, arbitrary: fight.map((events) => quietly(invitedBy("alice"), ...events)) },
);

export const life: fc.Arbitrary<readonly Moment[]> = fc
    .tuple(
        beginning,
        fc.oneof(
            { weight: 3, arbitrary: fc.array(moment, { maxLength: 25 }) },
            { weight: 1, arbitrary: fc.array(talk, { minLength: 15, maxLength: 35 }) },
        ),
    )
    .map(([first, rest]) => [...first, ...rest]);
