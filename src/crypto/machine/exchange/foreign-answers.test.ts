import * as fc from "fast-check";
import { afterEach, beforeEach, expect, test } from "vitest";
import { claimAnswer, claimText, queryAnswer, queryText, siftClaim, siftQuery } from "../../../matrix/index.ts";
import type { OutgoingRequest } from "../../port.ts";
import { BOT, inThisThread, temporaryStore, TestBot } from "../testing/bot.ts";
import { KeyServer } from "../testing/key-server.ts";
import { Peer } from "../testing/peer.ts";

// What remote servers say in answers that many fill in, with the real machine behind the sieve.

const ALICE = "@alice:home";
const MALLORY = "@mallory:evil";
const users = [ALICE, MALLORY];

let store: ReturnType<typeof temporaryStore>;
let server: KeyServer;
let bot: TestBot;

beforeEach(async () => {
    store = temporaryStore();
    server = new KeyServer();
    bot = new TestBot(await inThisThread(store.path), server);
    await bot.publish();
    await Peer.join(server, ALICE, "ALICE");
    await Peer.join(server, MALLORY, "MALLORY");
});

afterEach(async () => {
    await bot.crypto.close();
    store[Symbol.dispose]();
});

type Answer = Record<string, Record<string, unknown>>;

/** What the server answers, before anybody has made something else of it. */
function answerTo(request: OutgoingRequest): Answer {
    return JSON.parse(server.answer(BOT.userId, BOT.deviceId, request)) as Answer;
}

function siftedQuery(answer: unknown): string {
    return queryText([end(siftQuery(queryAnswer.parse(answer), users))]);
}

function siftedClaim(answer: unknown): string {
    return claimText([
        end(
            siftClaim(
                claimAnswer.parse(answer),
                new Map([
                    [ALICE, ["ALICE"]],
                    [MALLORY, ["MALLORY"]],
                ]),
            ),
        ),
    ]);
}

function end<T>(work: Generator<void, T>): T {
    for (;;) {
        const piece = work.next();
        if (piece.done === true) return piece.value;
    }
}

/** Whatever Mallory's server says: an object of any shape, often with something of the true answer in it. */
function anything(genuine: unknown): fc.Arbitrary<unknown> {
    const names = fc.oneof(
        fc.constantFrom("MALLORY", "keys", "signatures", "user_id", "device_id", MALLORY, "ed25519:A"),
        fc.string({ unit: "binary" }),
    );
    const { node } = fc.letrec<{ node: unknown; leaf: unknown }>((tie) => ({
        leaf: fc.oneof(fc.jsonValue(), fc.constant(genuine), fc.constantFrom("\ud800", "x".repeat(5_000), 1e21)),
        node: fc.oneof({ maxDepth: 3 }, tie("leaf"), fc.dictionary(names, tie("node"), { maxKeys: 4 })),
    }));
    return node;
}

/** The same object with one of its parts, at any depth, replaced. */
function damaged(genuine: unknown): fc.Arbitrary<unknown> {
    if (typeof genuine !== "object" || genuine === null) return anything(genuine);
    const parts = Object.entries(genuine).map(([name, part]) =>
        damaged(part).map((other) => ({ ...genuine, [name]: other })),
    );
    const renamed = Object.entries(genuine).map(([name, part]) =>
        fc.string({ unit: "binary" }).map((other) => {
            const { [name]: _, ...rest } = genuine as Record<string, unknown>;
            return { ...rest, [other]: part };
        }),
    );
    return fc.oneof(anything(genuine), ...parts, ...renamed);
}

test("whatever a server says of its users in an answer to /keys/query, the machine takes what is said of the others", async () => {
    const request = await bot.crypto.keysQuery(users);
    const genuine = answerTo(request);
    const part = (name: string) => fc.option(damaged(genuine[name]?.[MALLORY]), { nil: undefined });
    const parts = fc.record({
        device_keys: part("device_keys"),
        master_keys: part("master_keys"),
        self_signing_keys: part("self_signing_keys"),
        user_signing_keys: part("user_signing_keys"),
        failures: anything({}),
    });
    const property = fc.asyncProperty(parts, async ({ failures, ...ofMallory }) => {
        const answer = structuredClone(genuine);
        for (const [name, value] of Object.entries(ofMallory)) answer[name] = { ...answer[name], [MALLORY]: value };
        answer["failures"] = { evil: failures };
        await bot.crypto.markSent(await bot.crypto.keysQuery(users), siftedQuery(JSON.parse(JSON.stringify(answer))));
        expect((await bot.crypto.userKeys(users))[0]).toEqual({
            masterKey: expect.any(String),
            devices: [{ deviceId: "ALICE", crossSigned: true, dehydrated: false }],
        });
    });
    await fc.assert(property, { numRuns: 100 });
});

test("whatever a server says of its users in an answer to /keys/claim, the others' Olm sessions are made", async () => {
    for (const userId of users) await bot.query(userId);
    const request = await bot.crypto.keysClaim(users);
    if (request === undefined) throw new Error("nothing to claim");
    const genuine = answerTo(request);
    const property = fc.asyncProperty(damaged(genuine["one_time_keys"]?.[MALLORY]), async (ofMallory) => {
        const answer = { one_time_keys: { ...genuine["one_time_keys"], [MALLORY]: ofMallory }, failures: {} };
        await bot.crypto.markSent(request, siftedClaim(JSON.parse(JSON.stringify(answer))));
    });
    await fc.assert(property, { numRuns: 100 });
    const next = await bot.crypto.keysClaim([ALICE]);
    expect(next).toBeUndefined();
});

test("what is not malformed reaches the machine as it was signed", async () => {
    const request = await bot.crypto.keysQuery(users);
    await bot.crypto.markSent(request, siftedQuery(answerTo(request)));
    for (const { devices } of await bot.crypto.userKeys(users)) expect(devices).toMatchObject([{ crossSigned: true }]);
    const claim = await bot.crypto.keysClaim(users);
    if (claim !== undefined) await bot.crypto.markSent(claim, siftedClaim(answerTo(claim)));
    expect(await bot.crypto.keysClaim(users)).toBeUndefined();
});
