import { runningClockSchema } from "../../due/index.ts";
import { beforeEach, expect, test } from "vitest";
import { type Database, openDatabase } from "../../database/index.ts";
import { HomeserverError } from "../../homeserver/index.ts";
import { BundleMessages, type Outbound } from "./bundle-messages.ts";
import { ShareJobs } from "../ledger/jobs.ts";
import { sharingSchema } from "../ledger/schema.ts";

interface Request {
    readonly txnId: string;
    readonly to: readonly string[];
}

/** A homeserver that acts once on each transaction ID, and may lose its answer or refuse. */
class ToDevice {
    readonly requests: Request[] = [];
    readonly #seen = new Set<string>();
    /** How often each device was given each body. */
    readonly delivered = new Map<string, number>();
    fault:
        | { readonly error: Error; readonly acted: boolean; readonly when?: (request: Request) => boolean }
        | undefined;

    sendToDevice(_type: string, txnId: string, body: string): Promise<string> {
        const { messages } = JSON.parse(body) as { messages: Record<string, Record<string, { body: string }>> };
        const copies = Object.entries(messages).flatMap(([userId, devices]) =>
            Object.entries(devices).map(([deviceId, content]) => `${userId} ${deviceId} ${content.body}`),
        );
        const request = { txnId, to: copies };
        this.requests.push(request);
        const fault = this.fault?.when?.(request) === false ? undefined : this.fault;
        if (fault !== undefined && !fault.acted) return Promise.reject(fault.error);
        if (!this.#seen.has(txnId))
            for (const copy of copies) this.delivered.set(copy, (this.delivered.get(copy) ?? 0) + 1);
        this.#seen.add(txnId);
        return fault === undefined ? Promise.resolve("{}") : Promise.reject(fault.error);
    }
}

let database: Database;
let homeserver: ToDevice;
const gone = new HomeserverError("send_to_device", { kind: "unreachable", reason: "connection", detail: "reset" });

beforeEach(() => {
    database = openDatabase({ path: ":memory:", schemas: [runningClockSchema, sharingSchema] });
    homeserver = new ToDevice();
    const jobs = new ShareJobs(database.sql, () => 1);
    for (const name of ["a", "b", "c"]) {
        const common = { inviter: "@alice:home", origin: "invite", byAnotherBot: false } as const;
        database.transaction(() =>
            jobs.create({ ...common, roomId: "!r:home", userId: `@${name}:home`, inviteEventId: `$${name}` }),
        );
    }
});

const messages = () =>
    new BundleMessages({
        database,
        homeserver,
        now: () => 1,
        crypto: {
            sealBundles: () => Promise.resolve([]),
            deliveriesSent: () => Promise.resolve(),
            unsentDeliveries: () => Promise.resolve([]),
        },
    });

function to(userId: string, jobId: number, mayGo: () => void = () => undefined, body = `for job ${jobId}`): Outbound {
    return {
        jobId,
        deliveryId: String(jobId),
        userId,
        devices: [{ deviceId: "PHONE", content: { body } }],
        mayGo,
        begin: () => undefined,
    };
}

async function send(...outbound: Outbound[]): Promise<readonly string[]> {
    const together = messages();
    return (await Promise.allSettled(outbound.map((one) => together.send(one)))).map(({ status }) => status);
}

const once = (copies: readonly string[]) => new Map(copies.map((copy) => [copy, 1]));

test("many invitees' copies are one request", async () => {
    await send(to("@a:home", 1), to("@b:home", 2), to("@c:home", 3));
    expect(homeserver.requests).toHaveLength(1);
    expect(homeserver.delivered).toEqual(
        once(["@a:home PHONE for job 1", "@b:home PHONE for job 2", "@c:home PHONE for job 3"]),
    );
});

test("one device's copies of two rooms are two requests: a request has one place for each device", async () => {
    await send(to("@a:home", 1), to("@a:home", 2));
    expect(homeserver.requests).toHaveLength(2);
    expect(homeserver.delivered).toEqual(once(["@a:home PHONE for job 1", "@a:home PHONE for job 2"]));
});

test("an answer that was lost, or a crash, brings the same request again, and nobody gets a copy twice", async () => {
    homeserver.fault = { error: gone, acted: true };
    expect(await send(to("@a:home", 1), to("@b:home", 2))).toEqual(["rejected", "rejected"]);
    homeserver.fault = undefined;
    // An invite that came meanwhile goes out beside it, not in it: the server would not look.
    expect(await send(to("@c:home", 3), to("@b:home", 2), to("@a:home", 1))).toEqual([
        "fulfilled",
        "fulfilled",
        "fulfilled",
    ]);
    expect(homeserver.delivered).toEqual(
        once(["@a:home PHONE for job 1", "@b:home PHONE for job 2", "@c:home PHONE for job 3"]),
    );
});

test("one who may not be sent to any more is left out at the last moment, and nobody else is", async () => {
    const refuse = (): never => {
        throw new Error("paused");
    };
    expect(await send(to("@a:home", 1, refuse), to("@b:home", 2))).toEqual(["rejected", "fulfilled"]);
    expect(homeserver.delivered).toEqual(once(["@b:home PHONE for job 2"]));
});

test("a request that goes out again without one of its copies never swallows that one", async () => {
    homeserver.fault = { error: gone, acted: false };
    await send(to("@a:home", 1), to("@b:home", 2));
    homeserver.fault = undefined;
    await send(to("@a:home", 1));
    await send(to("@b:home", 2));
    expect(homeserver.delivered).toEqual(once(["@a:home PHONE for job 1", "@b:home PHONE for job 2"]));
});

test("another body for the same device never hides behind the first one's transaction", async () => {
    homeserver.fault = { error: gone, acted: true };
    await send(to("@a:home", 1));
    homeserver.fault = undefined;
    await send(to("@a:home", 1, undefined, "of another file"));
    expect(homeserver.delivered).toEqual(once(["@a:home PHONE for job 1", "@a:home PHONE of another file"]));
});

test("a refusal for the sake of one invitee does not keep the others from theirs", async () => {
    const error = new HomeserverError("send_to_device", {
        kind: "invalid",
        status: 400,
        errcode: "M_INVALID_PARAM",
        error: "no",
    });
    homeserver.fault = { error, acted: false, when: ({ to: copies }) => copies.some((copy) => copy.startsWith("@b")) };
    expect(await send(to("@a:home", 1), to("@b:home", 2), to("@c:home", 3))).toEqual([
        "fulfilled",
        "rejected",
        "fulfilled",
    ]);
});

test("what was sent is forgotten when it is on record, and at last when its job is over", async () => {
    const rows = () => database.sql.prepare("SELECT delivery_id FROM share_sends").all().length;
    await send(to("@a:home", 1), to("@b:home", 2));
    expect(rows()).toBe(2);
    await messages().sent("1");
    expect(rows()).toBe(1);
    database.sql.exec("UPDATE share_jobs SET state = 'cancelled'");
    await messages().prune(() => true);
    expect(rows()).toBe(0);
});
