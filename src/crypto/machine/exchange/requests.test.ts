import { KeysClaimRequest, OlmMachine } from "@matrix-org/matrix-sdk-crypto-wasm";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { OutgoingRequest } from "../../port.ts";
import { BOT, inThisThread, temporaryStore, TestBot } from "../testing/bot.ts";
import { KeyServer } from "../testing/key-server.ts";
import { Peer } from "../testing/peer.ts";

let store: ReturnType<typeof temporaryStore>;
let server: KeyServer;
let bot: TestBot;

beforeEach(async () => {
    store = temporaryStore();
    server = new KeyServer();
    bot = new TestBot(await inThisThread(store.path), server);
    await bot.publish();
});

afterEach(async () => {
    vi.useRealTimers();
    vi.restoreAllMocks();
    await bot.crypto.close();
    store[Symbol.dispose]();
});

test("a batch without news does not reach the machine", async () => {
    await bot.receive();
    const machine = vi.spyOn(OlmMachine.prototype, "receiveSyncChanges");
    await bot.receive();
    expect(machine).not.toHaveBeenCalled();
    await bot.receive({ type: "m.dummy", sender: "@alice:home", content: {} });
    expect(machine).toHaveBeenCalledOnce();
});

test("changed devices reach the machine if it keeps a list of them, and there is something to be asked; others cost it nothing", async () => {
    await bot.receive();
    await bot.crypto.trackUsers(["@alice:home"]);
    await bot.query("@alice:home");
    await bot.query("@invited:home");
    const machine = vi.spyOn(OlmMachine.prototype, "receiveSyncChanges");
    const invited = await bot.receiveChanges({ deviceLists: { changed: ["@invited:home"], left: ["@stranger:home"] } });
    expect([invited.reachedMachine, machine.mock.calls.length]).toEqual([false, 0]);
    const known = await bot.receiveChanges({ deviceLists: { changed: ["@invited:home", "@alice:home"], left: [] } });
    expect([known.reachedMachine, machine.mock.calls.length]).toEqual([true, 1]);
    const asked = (await bot.crypto.outgoing())
        .filter(({ kind }) => kind === "keys_query")
        .map(({ body }) => JSON.parse(body) as unknown);
    expect(asked).toEqual([expect.objectContaining({ device_keys: { "@alice:home": [] } })]);
});

test("a change of our own devices reaches the machine from the first batch on", async () => {
    await bot.receive();
    const own = await bot.receiveChanges({ deviceLists: { changed: [BOT.userId], left: [] } });
    expect(own.reachedMachine).toBe(true);
});

test("key counts that went down reach the machine, and it makes new keys", async () => {
    await bot.receive();
    await bot.receiveChanges({ oneTimeKeyCounts: { signed_curve25519: 3 }, unusedFallbackKeyTypes: [] });
    expect((await bot.crypto.outgoing()).map(({ kind }) => kind)).toContain("keys_upload");
});

test("a claim does not wait for users whose keys query is outstanding, and takes the others", async () => {
    const alice = await Peer.join(server, "@alice:home", "ALICE");
    await bot.query(alice.userId);
    await bot.crypto.trackUsers(["@slow:elsewhere"]);
    // The machine gives up waiting by a timer.
    vi.useFakeTimers({ toFake: ["setTimeout"] });
    const claim = await bot.crypto.keysClaim(["@slow:elsewhere", alice.userId]);
    expect(JSON.parse(claim?.body ?? "{}")).toMatchObject({
        one_time_keys: { [alice.userId]: { ALICE: "signed_curve25519" } },
    });
});

test("who has very many devices is claimed for in parts, of whole users", async () => {
    const devicesOf = (many: number) =>
        Object.fromEntries(Array.from({ length: many }, (_, n) => [`D${n}`, "signed_curve25519"]));
    const asked: string[][] = [];
    vi.spyOn(OlmMachine.prototype, "getMissingSessions").mockImplementation((users) => {
        asked.push(users.map(String));
        const one_time_keys = Object.fromEntries(users.map((user) => [String(user), devicesOf(300)]));
        return Promise.resolve(new KeysClaimRequest(`claim ${asked.length}`, JSON.stringify({ one_time_keys })));
    });
    const users = ["@a:far", "@b:far", "@c:far"];
    expect(await bot.crypto.keysClaim(users)).toMatchObject({ id: "claim 2", later: ["@b:far", "@c:far"] });
    expect(asked).toEqual([users, ["@a:far"]]);
    expect(await bot.crypto.keysClaim(["@c:far"])).not.toHaveProperty("later");
});

test("a query for users that the machine waits for is the machine's own, so that it waits no longer", async () => {
    await Peer.join(server, "@alice:home", "ALICE");
    await bot.crypto.trackUsers(["@alice:home"]);
    await bot.query("@alice:home");
    expect((await bot.crypto.outgoing()).filter(({ kind }) => kind === "keys_query")).toEqual([]);
    expect(await bot.crypto.keysClaim(["@alice:home"])).toMatchObject({ kind: "keys_claim" });
});

test("a malformed user ID is left out of whatever is asked", async () => {
    const query = await bot.crypto.keysQuery(["nobody", "@alice:home"]);
    expect(JSON.parse(query.body)).toMatchObject({ device_keys: { "@alice:home": [] } });
    await expect(bot.crypto.trackUsers(["", "x".repeat(10_000)])).resolves.toBeUndefined();
    await expect(bot.crypto.keysClaim(["__proto__"])).resolves.toBeUndefined();
});

test("operations are answered in the order in which they were asked for", async () => {
    const order: string[] = [];
    await Promise.all([
        bot.crypto.createIdentity({ reset: false }).then(() => order.push("identity")),
        bot.crypto.ping().then(() => order.push("ping")),
        bot.crypto.account().then(() => order.push("account")),
    ]);
    expect(order).toEqual(["identity", "ping", "account"]);
    expect((await bot.crypto.account()).userId).toBe(BOT.userId);
});

test("an answer that reads as no list of keys costs the bot nothing", async () => {
    const request = await bot.crypto.keysQuery(["@alice:home"]);
    await bot.crypto.markSent(request, "[]").catch(() => undefined);
    expect(await bot.crypto.account()).toMatchObject({ crossSigned: true });
});

test("what is asked about ourselves names nobody else, though the machine waits for others", async () => {
    await bot.receive();
    await bot.crypto.trackUsers(["@mallory:evil"]);
    await bot.receiveChanges({ deviceLists: { changed: [BOT.userId], left: [] } });
    const { body } = await bot.crypto.keysQuery([BOT.userId]);
    expect(JSON.parse(body)).toMatchObject({ device_keys: { [BOT.userId]: [] } });
    expect(body).not.toContain("mallory");
});

test("of whom nothing usable came, the machine does not ask again and again; others are asked for meanwhile", async () => {
    await bot.receive();
    await bot.crypto.trackUsers(["@mallory:evil", "@alice:home"]);
    const [first] = await queries();
    if (first === undefined) throw new Error("nobody is asked for");
    const failures = { "@mallory:evil": { fault: "malformed" } };
    await bot.crypto.markSent(first, JSON.stringify({ device_keys: { "@alice:home": {} }, failures }));
    expect(await queries()).toEqual([]);
    await bot.receiveChanges({ deviceLists: { changed: ["@alice:home"], left: [] } });
    expect((await queries()).map(({ body }) => JSON.parse(body) as unknown)).toMatchObject([
        { device_keys: { "@alice:home": [] } },
    ]);
    expect((await queries())[0]?.body).not.toContain("mallory");
    // Nor does the machine wait for her.
    expect(await bot.crypto.keysClaim(["@mallory:evil"])).toBeUndefined();

    vi.spyOn(performance, "now").mockReturnValue(performance.now() + 16 * 60_000);
    expect((await queries())[0]?.body).toContain("mallory");
});

test("who is asked for by name is asked for in the machine's own query also while they rest, and the machine waits no longer", async () => {
    await bot.receive();
    await bot.crypto.trackUsers(["@mallory:evil"]);
    const failures = { "@mallory:evil": { fault: "malformed" } };
    for (const request of await queries())
        await bot.crypto.markSent(request, JSON.stringify({ device_keys: {}, failures }));
    const request = await bot.crypto.keysQuery(["@mallory:evil"]);
    await bot.crypto.markSent(request, JSON.stringify({ device_keys: { "@mallory:evil": {} }, failures: {} }));
    vi.spyOn(performance, "now").mockReturnValue(performance.now() + 16 * 60_000);
    expect(await queries()).toEqual([]);
});

async function queries(): Promise<readonly OutgoingRequest[]> {
    return (await bot.crypto.outgoing()).filter(({ kind }) => kind === "keys_query");
}
