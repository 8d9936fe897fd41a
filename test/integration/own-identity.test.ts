import { afterAll, beforeAll, expect, test } from "vitest";
import { type Bot, reinvited, roomWithBot } from "../bot/index.ts";
import { type Client, leaveDevice, saidBy } from "../clients/index.ts";
import { until } from "../process/index.ts";
import { Proxy } from "../proxy/index.ts";
import type { SynapseUser } from "../synapse/index.ts";
import { Scene } from "./scene.ts";

// The identity that is published for the bot's account is not the bot's any more: the homeserver says so, or somebody
// with the password has replaced it from another client.

let scene: Scene;
let proxy: Proxy;
let account: SynapseUser;
let bot: Bot;
let alice: Client;
let admin: Client;
let roomId: string;
/** The room in which the bot tells the admin. */
let direct: string;

beforeAll(async () => {
    scene = await Scene.open();
    proxy = await Proxy.open(scene.synapse.url);
    [account, alice, admin] = await Promise.all([
        scene.user("backscroll"),
        scene.person("alice"),
        scene.person("admin"),
    ]);
    bot = await scene.botOf(account, { HOMESERVER_URL: proxy.url, ADMINS: admin.userId });
    roomId = await roomWithBot(alice, bot);
    await alice.do("send", roomId, "a message");
});

afterAll(async () => {
    await scene[Symbol.asyncDispose]();
    await proxy[Symbol.asyncDispose]();
});

test("a homeserver that names another identity stops the bot, which says so; when it names the bot's own again, the bot goes on", async () => {
    const { fingerprint } = (await bot.status()).account;
    const lie = "A".repeat(43);
    proxy.script = ({ endpoint }) =>
        endpoint === "POST /keys/query" ? { kind: "rewrite", rewrite: withMasterKey(lie) } : undefined;
    await leaveDevice(scene.synapse, account, { deviceId: "FIRST", identity: "none" });
    const shown = await lost();
    expect(shown).toMatchObject({ fingerprint, cross_signed: false, identity: { state: "replaced", published: lie } });
    expect(shown.identity?.since).toMatch(/^20.*Z$/);
    expect(await bot.command("health")).toMatchObject({ code: 1, output: expect.stringContaining(lie) });
    const { answer } = await bot.command("status");
    expect(answer).toMatch(/^Account .*, not cross-signed$/m);
    expect(answer).toMatch(
        /^Identity +! .*another client has replaced.*recovery_key.*`backscroll login --reset-identity`/m,
    );

    direct = await roomOf(admin);
    expect(await told(1)).toEqual([expect.stringContaining("replaced my account's cross-signing identity")]);

    const bob = await scene.person("bob");
    await alice.do("inviteWithoutSharing", roomId, bob.userId);
    await waits(bob);
    proxy.script = () => undefined;
    await leaveDevice(scene.synapse, account, { deviceId: "SECOND", identity: "none" });
    await reinvited(bob, roomId, bot);
    expect((await bot.status()).account).toMatchObject({
        cross_signed: true,
        identity: { state: "ours", since: null },
    });
    expect(await bot.command("health")).toMatchObject({ code: 0 });
    await bob.do("join", roomId);
    await bob.reads(roomId, ["a message"]);
});

test("another client replaces it: who is invited waits, a start says what is missing, and after a reset the delivery goes on", async () => {
    await replaceIdentity();
    const foreign = await alice.do("masterKey", bot.userId);
    expect(await lost()).toMatchObject({ cross_signed: false, identity: { state: "replaced", published: foreign } });
    const charlie = await scene.person("charlie");
    await alice.do("inviteWithoutSharing", roomId, charlie.userId);
    await waits(charlie);
    expect(await told(2)).toHaveLength(2);

    await bot.stop();
    expect((await bot.launch().exited).code).toBe(77);
    expect((await bot.status()).account).toMatchObject({ cross_signed: false, identity: { state: "replaced" } });

    expect(await bot.command("login", "--reset-identity")).toMatchObject({ code: 0 });
    expect((await bot.status()).account).toMatchObject({ cross_signed: true, identity: { state: "ours" } });
    await bot.run();
    await reinvited(charlie, roomId, bot);
    await charlie.do("join", roomId);
    await charlie.reads(roomId, ["a message"]);
});

/**
 * As clients do that have no recovery key: secret storage begins anew, too, before the client that does it is there.
 */
async function replaceIdentity(): Promise<void> {
    const defaultKey = `/user/${encodeURIComponent(bot.userId)}/account_data/m.secret_storage.default_key`;
    const before = await scene.device(account, { deviceId: "BEFORE", identity: "none" });
    await before.do("request", "PUT", defaultKey, {});
    const intruder = await scene.device(account, { deviceId: "INTRUDER", identity: "none" });
    await intruder.do("resetIdentity");
}

/** An answer to `/keys/query` in which the bot's account has this master key. */
function withMasterKey(key: string): (answer: Answer) => Answer {
    return ({ master_keys: identities = {}, ...rest }) => {
        if (!Object.hasOwn(identities, bot.userId)) return { ...rest, master_keys: identities };
        const foreign = { user_id: bot.userId, usage: ["master"], keys: { [`ed25519:${key}`]: key } };
        return { ...rest, master_keys: { ...identities, [bot.userId]: foreign } };
    };
}

type Answer = Record<string, Record<string, unknown>>;

async function lost(): Promise<Awaited<ReturnType<Bot["status"]>>["account"]> {
    try {
        return await until("the bot to notice", async () => {
            const { account: shown } = await bot.status();
            return shown.identity?.state === "replaced" && shown;
        });
    } catch (cause) {
        throw new Error(`the bot's log:\n${bot.process.output}`, { cause });
    }
}

/** The job waits, and the invitee has neither been sent anything nor invited again. */
async function waits(invitee: Client): Promise<void> {
    const job = () => bot.job(roomId, invitee.userId, "queued");
    await until("the job to wait", async () => (await job()).reason === "bot_not_cross_signed");
    expect((await job()).devices).toEqual([]);
    expect(await invitee.do("bundlesReceived")).toEqual([]);
    expect(await invitee.do("membership", roomId, invitee.userId)).toMatchObject({ sender: alice.userId });
}

/** Where the bot has asked them in. */
async function roomOf(client: Client): Promise<string> {
    const room = await until("the bot to ask the admin in", async () => {
        const { rooms } = (await client.do("request", "GET", "/sync?timeout=0")) as { rooms?: { invite?: object } };
        return Object.keys(rooms?.invite ?? {})[0];
    });
    await client.do("join", room);
    return room;
}

/** What the admin reads of the bot, once it is that much. */
async function told(count: number): Promise<readonly string[]> {
    return await until(`${count} notices`, async () => {
        const said = saidBy(bot, await admin.do("timeline", direct)).flatMap((text) => text ?? []);
        return said.length >= count && said;
    });
}
