import { generateKeyPairSync, randomBytes } from "node:crypto";
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect } from "vitest";
import { type Bot, reinvited, roomWithBot } from "../bot/index.ts";
import type { Client } from "../clients/index.ts";
import { TemporaryFolder, until } from "../process/index.ts";
import { Proxy } from "../proxy/index.ts";
import { test } from "./story.ts";

const folder = new TemporaryFolder("commands");

afterAll(() => folder[Symbol.dispose]());

test("before the first start, status is empty with 0, and nothing is made", async ({ scene }) => {
    const bot = await scene.restingBot();
    const { code, answer } = await bot.command("status", "--json");
    expect(code).toBe(0);
    expect(JSON.parse(answer)).toMatchObject({
        schema: 1,
        running: false,
        paused: { all: false, rooms: [] },
        sync: { last_success_at: null },
        account: { user_id: null, device_id: null, fingerprint: null, backup: "none", recovery: "none" },
        rooms: [],
        invites: [],
        jobs: [],
    });
    expect(existsSync(bot.dataFolder)).toBe(false);
});

test("keys exported from one bot and imported into another: the other one shares that history with a newcomer", async ({
    scene,
    alice,
}) => {
    const [first, charlie] = [await scene.bot(), await scene.person("charlie")];
    const roomId = await roomWithBot(alice, first);
    await alice.do("send", roomId, "said to the first bot alone");
    await alice.do("rotateSession", roomId);
    const file = join(folder.path, "keys.json");

    expect(await first.command("export-keys", "--room", roomId, "--plain", file)).toMatchObject({ code: 0 });
    expect(statSync(file).mode & 0o777).toBe(0o600);
    // Without a running bot the same is written, and nothing is overwritten.
    await first.stop();
    expect(await first.command("export-keys", "--room", roomId, "--plain", file)).toMatchObject({ code: 64 });
    const again = join(folder.path, "again.json");
    expect(await first.command("export-keys", "--room", roomId, "--plain", again)).toMatchObject({ code: 0 });
    expect(readFileSync(again, "utf8")).toBe(readFileSync(file, "utf8"));

    const second = await scene.bot();
    await invitedToo(alice, second, roomId);
    const { code, output } = await second.command("import-keys", file);
    expect([code, output]).toEqual([0, expect.stringMatching(/^2 of 2 room keys/)]);

    await alice.do("inviteWithoutSharing", roomId, charlie.userId);
    await reinvited(charlie, roomId, second);
    await charlie.do("join", roomId);
    await charlie.reads(roomId, ["said to the first bot alone"]);
});

test("SIGTERM in the middle of a long import: stopped within 5 s with 0, the command is told so, and importing again finishes it", async ({
    scene,
    alice,
}) => {
    const bot = await scene.bot();
    const roomId = await roomWithBot(alice, bot);
    const [file, count] = [join(folder.path, "many.json"), 20_000];
    writeFileSync(file, JSON.stringify(Array.from({ length: count }, () => madeUpKey(roomId))));
    const importing = bot.command("import-keys", file);
    const held = async () => (await bot.status("--room", roomId)).rooms[0]?.sessions.shareable ?? 0;
    await until("the import to be under way", async () => (await held()) >= 100);

    // After 4.5 s it would end itself by SIGKILL.
    expect(await bot.stop()).toEqual({ code: 0, signal: null });
    expect(await importing).toMatchObject({
        code: 70,
        output: expect.stringContaining("it stopped before it answered"),
    });

    await bot.run();
    expect(await bot.command("import-keys", file)).toMatchObject({ code: 0 });
    expect(await held()).toBeGreaterThanOrEqual(count);
});

test("a pause that was set while the bot was down holds until it is lifted", async ({ scene, alice }) => {
    const [bot, charlie] = [await scene.bot(), await scene.person("charlie")];
    const roomId = await roomWithBot(alice, bot);
    await alice.do("send", roomId, "a message");
    await bot.stop();
    expect(await bot.command("pause")).toMatchObject({ code: 0 });

    await bot.run();
    await alice.do("inviteWithoutSharing", roomId, charlie.userId);
    expect(await bot.job(roomId, charlie.userId, "held")).toMatchObject({ reason: "paused", devices: [] });
    await bot.kill();
    await bot.run();
    expect(await bot.status()).toMatchObject({ paused: { all: true }, jobs: [{ state: "held" }] });

    await bot.stop();
    expect(await bot.command("resume")).toMatchObject({ code: 0 });
    await bot.run();
    await reinvited(charlie, roomId, bot);
});

test("share answers the job's ID with 0; for somebody who is not invited, it is a no with 1", async ({
    scene,
    alice,
}) => {
    const [bot, charlie] = [await scene.bot(), await scene.person("charlie")];
    const roomId = await roomWithBot(alice, bot);
    await alice.do("send", roomId, "a message");
    expect(await bot.command("share", roomId, charlie.userId)).toMatchObject({ code: 1, answer: "" });
    await alice.do("inviteWithoutSharing", roomId, charlie.userId);
    const { id: before } = await bot.job(roomId, charlie.userId, "reinvited");

    const shared = await bot.command("share", roomId, charlie.userId);

    expect(shared).toMatchObject({ code: 0, answer: expect.stringMatching(/^\d+$/) });
    expect(shared.answer).not.toBe(before);
    const job = await bot.job(roomId, charlie.userId, "reinvited", "delivered");
    expect(job).toMatchObject({ id: shared.answer, devices: [{ device_id: charlie.deviceId, state: "sent" }] });
});

test("no password, token, session key or file key lies in the data folder or the log", async ({ scene, alice }) => {
    await using proxy = await Proxy.open(scene.synapse.url);
    const [user, charlie] = [await scene.user("backscroll"), await scene.person("charlie")];
    const bot = await scene.botOf(user, { HOMESERVER_URL: proxy.url });
    const roomId = await roomWithBot(alice, bot);
    await alice.do("send", roomId, "nobody else reads this");
    // While the message with the file's key is made and not taken by the homeserver yet, and a snapshot of that time.
    const pending: Record<string, Buffer> = {};
    const bodies: string[] = [];
    proxy.script = async ({ endpoint, body }) => {
        if (!endpoint.startsWith("PUT /sendToDevice") || !body.includes(charlie.deviceId) || bodies.length > 0)
            return undefined;
        bodies.push(...[...body.toString().matchAll(/"body":"([^"]+)"/g)].map(([, olm = ""]) => olm));
        const snapshot = join(folder.path, "pending-snapshot");
        await bot.command("snapshot", snapshot);
        Object.assign(pending, filesOf(bot, "pending"), { snapshot: readFileSync(snapshot) });
        return undefined;
    };
    await alice.do("inviteWithoutSharing", roomId, charlie.userId);
    await reinvited(charlie, roomId, bot);
    await charlie.do("join", roomId);
    await charlie.reads(roomId, ["nobody else reads this"]);
    const file = join(folder.path, "secrets.json");
    await bot.command("export-keys", "--room", roomId, "--plain", file);
    const sessionKeys = (JSON.parse(readFileSync(file, "utf8")) as { session_key: string }[]).map(
        (entry) => entry.session_key,
    );
    // The copy after the join may have come by now: it names the same file.
    const fileKeys = [...new Set((await charlie.do("bundlesReceived")).map((bundle) => bundle.file.key.k))];
    const secrets = [user.password, "nobody else reads this", ...proxy.tokens, ...sessionKeys, ...fileKeys, ...bodies];
    expect([sessionKeys.length, fileKeys.length, proxy.tokens.size]).toEqual([2, 1, 1]);

    expect([bodies.length, Object.keys(pending)]).toEqual([
        1,
        expect.arrayContaining(["crypto.sqlite-wal (pending)", "snapshot"]),
    ]);
    const places = { ...pending, ...filesOf(bot), log: Buffer.from(bot.process.output) };
    await bot.stop();
    for (const [place, bytes] of Object.entries({ ...places, ...filesOf(bot, "stopped") })) {
        const found = secrets.filter((secret) => formsOf(secret).some((form) => bytes.includes(form)));
        expect({ place, found }).toEqual({ place, found: [] });
    }
});

test("whatever lies in the data folder is for its owner alone", async ({ scene }) => {
    const bot = await scene.bot();
    expect(statSync(bot.dataFolder).mode & 0o777).toBe(0o700);
    // A folder that was there before, as a container's volume is, may be open to everybody; what is made in it is not.
    const open = readdirSync(bot.dataFolder).filter(
        (name) => (statSync(join(bot.dataFolder, name)).mode & 0o077) !== 0,
    );
    expect(open).toEqual([]);
});

async function invitedToo(admin: Client, bot: Bot, roomId: string): Promise<void> {
    await admin.do("inviteWithoutSharing", roomId, bot.userId);
    await bot.process.line((line) => line.includes("accepted an invite"));
}

/** An entry of a key export whose session nobody ever used. */
function madeUpKey(roomId: string): object {
    const publicKey = generateKeyPairSync("ed25519").publicKey.export({ format: "der", type: "spki" }).subarray(-32);
    const base64 = (bytes: Buffer) => bytes.toString("base64").replace(/=+$/, "");
    return {
        algorithm: "m.megolm.v1.aes-sha2",
        room_id: roomId,
        sender_key: base64(randomBytes(32)),
        session_id: base64(publicKey),
        session_key: base64(Buffer.concat([Buffer.from([1, 0, 0, 0, 0]), randomBytes(128), publicKey])),
        sender_claimed_keys: { ed25519: base64(publicKey) },
        forwarding_curve25519_key_chain: [],
        shared_history: true,
    };
}

function filesOf(bot: Bot, when = "running"): Readonly<Record<string, Buffer>> {
    const names = readdirSync(bot.dataFolder).filter((name) => statSync(join(bot.dataFolder, name)).isFile());
    return Object.fromEntries(names.map((name) => [`${name} (${when})`, readFileSync(join(bot.dataFolder, name))]));
}

/**
 * A secret as text, and the bytes that it stands for if it is base64. Of a session key, the ratchet alone as well: that
 * is what stays the same.
 */
function formsOf(secret: string): readonly Buffer[] {
    const text = Buffer.from(secret);
    if (!/^[\w+/-]{40,}$/.test(secret)) return [text];
    const bytes = Buffer.from(secret, "base64");
    return bytes.length === 165 ? [text, bytes, bytes.subarray(5, 133)] : [text, bytes];
}
