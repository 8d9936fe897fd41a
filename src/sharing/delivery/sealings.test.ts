import { runningClockSchema } from "../../due/index.ts";
import { beforeEach, expect, test } from "vitest";
import type { BundleDelivery, SealedDelivery } from "../../crypto/index.ts";
import { type Database, openDatabase } from "../../database/index.ts";
import { Failure } from "../../failures/index.ts";
import { type Job, ShareJobs } from "../ledger/jobs.ts";
import { sharingSchema } from "../ledger/schema.ts";
import { BundleMessages } from "./bundle-messages.ts";
import { Sealings } from "./sealings.ts";

let database: Database;
let jobs: ShareJobs;
let now: number;
/** Of whose devices the worker dies. */
let deadly: ReadonlySet<string>;
/** The worker's disk is. */
let full: boolean;
/** The steps that the worker was asked for. */
let steps: (readonly string[])[];
let messages: BundleMessages;

beforeEach(() => {
    database = openDatabase({ path: ":memory:", schemas: [runningClockSchema, sharingSchema] });
    now = 1_000_000;
    jobs = new ShareJobs(database.sql, () => now);
    deadly = new Set(["@mallory:evil"]);
    full = false;
    steps = [];
    messages = newMessages();
});

function newMessages(): BundleMessages {
    const sealBundles = (deliveries: readonly BundleDelivery[]): Promise<readonly SealedDelivery[]> => {
        steps.push(deliveries.map(({ userId }) => userId));
        if (full) return Promise.reject(new Failure("disk_full", { path: "crypto.sqlite" }));
        if (deliveries.some(({ userId }) => deadly.has(userId)))
            return Promise.reject(new Failure("worker_died", { detail: "of it" }));
        return Promise.resolve(deliveries.map(() => ({ identity: "pinned", devices: [] })));
    };
    const crypto = {
        sealBundles,
        deliveriesSent: () => Promise.resolve(),
        unsentDeliveries: () => Promise.resolve([]),
    };
    return new BundleMessages({
        database,
        crypto,
        homeserver: { sendToDevice: () => Promise.resolve("{}") },
        now: () => now,
    });
}

/** The bot ended, and begins anew. */
function restart(): void {
    database.transaction(() => new Sealings(database.sql).start(now));
    messages = newMessages();
    steps = [];
}

function job(userId: string): Job {
    const invite = {
        roomId: "!r:home",
        inviter: "@alice:home",
        inviteEventId: `$${userId}`,
        byAnotherBot: false,
    } as const;
    const made = database.transaction(() => jobs.create({ ...invite, userId, origin: "invite" }));
    if (made === undefined) throw new Error("no job was made");
    return made;
}

const file = {
    v: "v2",
    url: "mxc://home/x",
    key: { alg: "A256CTR", ext: true, k: "", key_ops: [], kty: "oct" },
    iv: "",
    hashes: { sha256: "" },
} as const;

/** How each sealing ended: in what, or why not. */
async function sealAll(...all: readonly Job[]): Promise<readonly unknown[]> {
    const asked = all.map((one) =>
        messages.seal(one, {
            deliveryId: String(one.id),
            roomId: one.roomId,
            userId: one.userId,
            pinnedMasterKey: "",
            file,
        }),
    );
    return (await Promise.allSettled(asked)).map((end): unknown =>
        end.status === "fulfilled" ? "sealed" : end.reason,
    );
}

const later = (notBefore: number): object => ({ to: "retry", reason: "bot_interrupted", notBefore });
const died = expect.objectContaining({ code: "worker_died" });

test("what the worker died of is not done again at once, and then alone: others have what they wait for", async () => {
    const [mallory, charlie] = [job("@mallory:evil"), job("@charlie:home")];
    expect(await sealAll(mallory, charlie)).toEqual([died, died]);
    restart();
    expect(await sealAll(mallory, charlie)).toMatchObject([later(5_000), later(5_000)]);
    expect(steps).toEqual([]);

    now += 5_000;
    deadly = new Set();
    expect(await sealAll(mallory, charlie, job("@dora:home"))).toEqual(["sealed", "sealed", "sealed"]);
    expect(steps).toEqual([["@dora:home"], ["@mallory:evil"], ["@charlie:home"]]);
});

test("what has been encrypted for is no suspect any more at the next end", async () => {
    const charlie = job("@charlie:home");
    expect(await sealAll(charlie)).toEqual(["sealed"]);
    // Written down with whatever is written next.
    expect(await sealAll(job("@mallory:evil"))).toEqual([died]);
    restart();
    expect(await sealAll(charlie)).toEqual(["sealed"]);
});

test("after three ends a person decides; each approval is one more try", async () => {
    const mallory = job("@mallory:evil");
    for (const pause of [5_000, 300_000]) {
        expect(await sealAll(mallory)).toEqual([died]);
        restart();
        expect(await sealAll(mallory)).toMatchObject([later(pause)]);
        now += pause;
    }
    expect(await sealAll(mallory)).toEqual([died]);
    restart();
    now += 3_600_000;
    expect(await sealAll(mallory)).toMatchObject([{ to: "held", reason: "ended_the_bot" }]);

    const approved = { ...mallory, approved: [{ reason: "ended_the_bot", detail: undefined }] } as const;
    expect(await sealAll(approved)).toEqual([died]);
    restart();
    now += 3_600_000;
    expect(await sealAll(approved)).toMatchObject([{ to: "held" }]);
});

test("a clock that was set back does not make anybody wait longer", async () => {
    const mallory = job("@mallory:evil");
    await sealAll(mallory);
    restart();
    deadly = new Set();
    now -= 1_000_000;
    expect(await sealAll(mallory)).toEqual(["sealed"]);
});

test("a disk that is full is no end of the bot's", async () => {
    const charlie = job("@charlie:home");
    full = true;
    expect(await sealAll(charlie)).toMatchObject([{ code: "disk_full" }]);
    full = false;
    expect(await sealAll(job("@dora:home"))).toEqual(["sealed"]);
    restart();
    expect(await sealAll(charlie)).toEqual(["sealed"]);
});
