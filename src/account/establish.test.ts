import { readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Secret } from "../config/index.ts";
import type { OutgoingRequest } from "../crypto/index.ts";
import { decodeRecoveryKey, encodeRecoveryKey } from "../matrix/index.ts";
import { deriveSeal } from "../sealing/index.ts";
import { type Account, renewAccessToken } from "./index.ts";
import { fits, SecretStorage } from "./secret-storage.ts";
import type { FakeHomeserver } from "./testing/fake-homeserver.ts";
import { Installation, password, userId } from "./testing/installation.ts";

const failure = (code: string): object => ({ name: "Failure", code });
const crash = new Error("killed here");

/** The account is as it must be before anything encrypted is sent, and the recovery key leads back to its keys. */
async function expectWhole({ homeserver, crypto }: Installation, account: Account, recoveryKey: string): Promise<void> {
    expect(homeserver.deviceKeys.get(account.deviceId)).toMatchObject({
        signed: true,
        keys: { [`ed25519:${account.deviceId}`]: crypto.ed25519 },
    });
    expect(homeserver.signingKeys?.master).toBe(account.masterKey);
    const storage = new SecretStorage(homeserver, userId);
    const key = fits(decodeRecoveryKey(recoveryKey), await storage.defaultKey());
    if (key === undefined) throw new Error("the recovery key does not open secret storage");
    expect(await storage.read(key, "m.cross_signing.master")).toBe(`private ${account.masterKey}`);
    expect(await storage.read(key, "m.cross_signing.self_signing")).toBe(`self ${account.masterKey}`);
    expect(await storage.read(key, "m.cross_signing.user_signing")).toBe(`user ${account.masterKey}`);
}

test("the first start by password: recovery key on disk, secrets saved, and only then the identity published", async () => {
    const bot = new Installation();
    const account = await bot.start();
    await expectWhole(bot, account, bot.recoveryKey());
    expect(statSync(join(bot.dataDir, "recovery-key")).mode & 0o777).toBe(0o600);
    expect(
        bot.homeserver.requests
            .filter((request) => !/^(account_data|versions|whoami|keys_query)$/.test(request))
            .slice(0, 9),
    ).toEqual([
        "login",
        "put org.backscroll.generation.<id>",
        "keys_upload",
        "put m.secret_storage.key.<id>",
        "put m.secret_storage.default_key",
        "put m.cross_signing.master",
        "put m.cross_signing.self_signing",
        "put m.cross_signing.user_signing",
        "signing_keys_upload",
    ]);
    expect(bot.status()).toEqual({
        user_id: userId,
        device_id: account.deviceId,
        fingerprint: account.masterKey,
        cross_signed: true,
        identity: { state: "ours", since: null, published: null, message: null },
        backup: "none",
        recovery: "in_data_dir",
    });
});

test("the second start logs in no more, uploads nothing, and keeps device and identity", async () => {
    const bot = new Installation();
    const first = await bot.start();
    bot.homeserver.requests.length = 0;
    expect(await bot.start()).toMatchObject({ deviceId: first.deviceId, masterKey: first.masterKey });
    expect(new Set(bot.homeserver.requests)).toEqual(
        new Set(["versions", "whoami", "keys_query", "account_data", "put org.backscroll.generation.<id>"]),
    );
});

test("the access token does not stand in the database as it is", async () => {
    const bot = new Installation();
    const account = await bot.start();
    const token = bot.homeserver.devices.get(account.deviceId)?.token ?? "";
    bot.database.sql.exec("PRAGMA wal_checkpoint(TRUNCATE)");
    expect(token).not.toBe("");
    expect(readFileSync(join(bot.dataDir, "backscroll.sqlite")).includes(token)).toBe(false);
});

test("a wrong store key is said as such, and changes nothing", async () => {
    const bot = new Installation();
    await bot.start();
    await expect(bot.start({ seal: deriveSeal(Buffer.alloc(32, 8), "account") })).rejects.toMatchObject(
        failure("store_key_wrong"),
    );
    await bot.start();
});

test("a configured recovery key is used, and no file is made", async () => {
    const bot = new Installation();
    const recoveryKey = encodeRecoveryKey(Buffer.alloc(32, 3));
    await expectWhole(bot, await bot.start({ recoveryKey: new Secret(recoveryKey) }), recoveryKey);
    expect(bot.status()?.recovery).toBe("ready");
});

test("with a token alone the first identity works where the server asks for nothing", async () => {
    const bot = new Installation();
    const { accessToken } = await bot.homeserver.login(password, "FROMTOKEN");
    const account = await bot.start({ accessToken });
    expect(account.deviceId).toBe("FROMTOKEN");
    await expectWhole(bot, account, bot.recoveryKey());
});

test("with a token alone the password is asked for where the server wants it, and the start with it goes on from there", async () => {
    const bot = new Installation();
    bot.homeserver.authentication = "password";
    const { accessToken } = await bot.homeserver.login(password, "FROMTOKEN");
    await expect(bot.start({ accessToken })).rejects.toMatchObject(failure("password_missing"));
    const identity = bot.crypto.identity;
    const account = await bot.start();
    expect(account).toMatchObject({ deviceId: "FROMTOKEN", masterKey: identity });
    await expectWhole(bot, account, bot.recoveryKey());
});

test.each<readonly [string, "before" | "after"]>(
    [
        "login",
        "keys_upload",
        "keys_query",
        "put m.secret_storage.key.<id>",
        "put m.secret_storage.default_key",
        "put m.cross_signing.master",
    ]
        .concat(["put m.cross_signing.user_signing", "signing_keys_upload", "signatures_upload"])
        .flatMap((operation) => [[operation, "before"] as const, [operation, "after"] as const]),
)(
    "killed at %s, %s it took effect, the next start heals it, with the same device and recovery key",
    async (operation, when) => {
        const bot = new Installation();
        bot.homeserver.failNext(operation, when, crash);
        await expect(bot.start()).rejects.toBe(crash);
        const account = await bot.start();
        expect([...bot.homeserver.devices.keys()]).toEqual([account.deviceId]);
        await expectWhole(bot, account, bot.recoveryKey());
    },
);

test.each<readonly [string, "before" | "after"]>(
    ["login", "signing_keys_upload", "signatures_upload", "put m.cross_signing.master"].flatMap((operation) => [
        [operation, "before"] as const,
        [operation, "after"] as const,
    ]),
)(
    "a reset killed at %s, %s it took effect, leaves an account that starts, and works the second time",
    async (operation, when) => {
        const bot = new Installation();
        const first = await bot.start();
        bot.homeserver.failNext(operation, when, crash);
        await expect(bot.start({ resetIdentity: true })).rejects.toBe(crash);
        await expectWhole(bot, await bot.start(), bot.recoveryKey());
        const account = await bot.start({ resetIdentity: true });
        expect(account).toMatchObject({ deviceId: first.deviceId });
        expect(account.masterKey).not.toBe(first.masterKey);
        await expectWhole(bot, account, bot.recoveryKey());
    },
);

test("a reset with a wrong password changes nothing", async () => {
    const bot = new Installation();
    const first = await bot.start();
    await expect(bot.start({ resetIdentity: true, password: new Secret("wrong") })).rejects.toMatchObject(
        failure("password_wrong"),
    );
    expect(await bot.start()).toMatchObject({ masterKey: first.masterKey });
    await expectWhole(bot, await bot.start(), bot.recoveryKey());
});

/** An account that another client or an earlier installation has set up. */
async function inherited(): Promise<{
    readonly homeserver: FakeHomeserver;
    readonly masterKey: string;
    readonly recoveryKey: string;
}> {
    const earlier = new Installation();
    const { masterKey } = await earlier.start();
    return { homeserver: earlier.homeserver, masterKey, recoveryKey: earlier.recoveryKey() };
}

test("a new installation takes the identity over by the recovery key, on a new device", async () => {
    const { homeserver, masterKey, recoveryKey } = await inherited();
    const bot = new Installation(homeserver);
    const account = await bot.start({ recoveryKey: new Secret(recoveryKey) });
    expect(account.masterKey).toBe(masterKey);
    expect(homeserver.devices.size).toBe(2);
    await expectWhole(bot, account, recoveryKey);
});

test("an identity that nobody here can sign with is never replaced unasked, only by login --reset-identity", async () => {
    const { homeserver, masterKey } = await inherited();
    const bot = new Installation(homeserver);
    await expect(bot.start()).rejects.toMatchObject(failure("identity_locked"));
    expect(homeserver.signingKeys?.master).toBe(masterKey);
    const account = await bot.start({ resetIdentity: true });
    expect(account.masterKey).not.toBe(masterKey);
    await expectWhole(bot, account, bot.recoveryKey());
});

test("a signature that the server does not show is not believed", async () => {
    const bot = new Installation();
    bot.homeserver.signaturesUpload = () => Promise.resolve("{}");
    await expect(bot.start()).rejects.toMatchObject(failure("device_not_cross_signed"));
});

test("a soft logout logs the same device in again, at a start and while running", async () => {
    const bot = new Installation();
    const { deviceId } = await bot.start();
    const device = bot.homeserver.devices.get(deviceId);
    if (device === undefined) throw new Error("no device");
    device.state = "soft_logout";
    expect(await bot.start()).toMatchObject({ deviceId });
    const token = await renewAccessToken(bot.options());
    expect(bot.homeserver.devices.get(deviceId)?.token).toBe(token.reveal());
    await bot.start();
    expect([...bot.homeserver.devices.keys()]).toEqual([deviceId]);
});

test("a data folder whose recovery key was moved away starts as before", async () => {
    const bot = new Installation();
    const { masterKey } = await bot.start();
    rmSync(join(bot.dataDir, "recovery-key"));
    expect(await bot.start()).toMatchObject({ masterKey });
    expect(bot.status()?.recovery).toBe("ready");
});

test("a recovery key file that somebody damaged is not replaced", async () => {
    const bot = new Installation();
    writeFileSync(join(bot.dataDir, "recovery-key"), "not a key\n");
    await expect(bot.start()).rejects.toMatchObject(failure("recovery_key_malformed"));
    expect(bot.recoveryKey()).toBe("not a key\n");
});

test("a start asks about ourselves only: whatever the machine wants to know of others waits", async () => {
    const bot = new Installation();
    await bot.start();
    const others: OutgoingRequest = { id: "others", kind: "keys_query", body: '{"device_keys":{"@mallory:evil":[]}}' };
    const asked: string[] = [];
    const ask = bot.homeserver.keysQuery.bind(bot.homeserver);
    bot.homeserver.keysQuery = (body?: string) => {
        asked.push(body ?? "");
        return ask();
    };
    await bot.start({
        openCrypto: async (user, device) => {
            const crypto = await bot.crypto.open(user, device);
            return { ...crypto, outgoing: async () => [...(await crypto.outgoing()), others] };
        },
    });
    expect(asked.length).toBeGreaterThan(0);
    expect(asked).not.toContain(others.body);
});

/** An account whose identity another client has replaced. */
async function replaced(): Promise<{
    readonly bot: Installation;
    readonly masterKey: string;
    readonly recoveryKey: string;
}> {
    const bot = new Installation();
    await bot.start();
    const { homeserver: another, masterKey, recoveryKey } = await inherited();
    bot.homeserver.signingKeys = another.signingKeys;
    for (const [type, content] of another.data) if (type.startsWith("m.")) bot.homeserver.data.set(type, content);
    return { bot, masterKey, recoveryKey };
}

test("an identity that was replaced while the bot was down is told by status, of a bot that cannot start", async () => {
    const { bot, masterKey } = await replaced();
    const ours = bot.status()?.fingerprint;
    await expect(bot.start()).rejects.toMatchObject(failure("recovery_key_wrong"));
    const since = expect.stringMatching(/^20.*Z$/);
    expect(bot.status()).toMatchObject({
        fingerprint: ours,
        cross_signed: false,
        identity: { state: "replaced", since, published: masterKey, message: expect.stringContaining(masterKey) },
    });
});

test("it is in order again after a start with the new identity's recovery key, or a reset", async () => {
    const imported = await replaced();
    rmSync(join(imported.bot.dataDir, "recovery-key"));
    await expect(imported.bot.start()).rejects.toMatchObject(failure("identity_locked"));
    await imported.bot.start({ recoveryKey: new Secret(imported.recoveryKey) });
    const inOrder = { state: "ours", since: null, published: null, message: null };
    expect(imported.bot.status()).toMatchObject({
        fingerprint: imported.masterKey,
        cross_signed: true,
        identity: inOrder,
    });

    const { bot, masterKey } = await replaced();
    await expect(bot.start()).rejects.toMatchObject(failure("recovery_key_wrong"));
    const account = await bot.start({ resetIdentity: true });
    expect(account.masterKey).not.toBe(masterKey);
    expect(bot.status()).toMatchObject({ fingerprint: account.masterKey, cross_signed: true, identity: inOrder });
});

test("an identity that is published no more is published again by the next start, the same one", async () => {
    const bot = new Installation();
    const { masterKey } = await bot.start();
    bot.homeserver.signingKeys = undefined;
    expect(await bot.start()).toMatchObject({ masterKey });
    expect(bot.status()).toMatchObject({ fingerprint: masterKey, cross_signed: true });
});
