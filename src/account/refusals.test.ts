import { expect, test } from "vitest";
import { Secret } from "../config/index.ts";
import { HomeserverError } from "../homeserver/index.ts";
import { encodeRecoveryKey } from "../matrix/index.ts";
import type { AccountOptions } from "./index.ts";
import { SecretStorage } from "./secret-storage.ts";
import { FakeCryptoStore } from "./testing/fake-crypto.ts";
import type { FakeHomeserver } from "./testing/fake-homeserver.ts";
import { Installation, password, userId } from "./testing/installation.ts";

const other = new Secret(encodeRecoveryKey(Buffer.alloc(32, 9)));

test.each<readonly [string, (bot: Installation) => Promise<Partial<AccountOptions>> | Partial<AccountOptions>, string]>(
    [
        [
            "a URL without a homeserver",
            ({ homeserver }) => {
                homeserver.isHomeserver = false;
                return {};
            },
            "homeserver_wrong",
        ],
        ["a wrong password", () => ({ password: new Secret("wrong") }), "password_wrong"],
        [
            "a homeserver that is away, for a command",
            ({ homeserver }) => {
                homeserver.failNext(
                    "versions",
                    "before",
                    new HomeserverError("versions", { kind: "unreachable", reason: "dns", detail: "ENOTFOUND" }),
                );
                return {};
            },
            "homeserver_unreachable",
        ],
        [
            "a locked account, for a command",
            ({ homeserver }) => {
                homeserver.failNext(
                    "login",
                    "before",
                    new HomeserverError("login", { kind: "user_locked", error: "" }),
                );
                return {};
            },
            "account_locked",
        ],
        [
            "a deactivated account",
            ({ homeserver }) => {
                homeserver.failNext(
                    "login",
                    "before",
                    new HomeserverError("login", { kind: "user_deactivated", error: "" }),
                );
                return {};
            },
            "account_deactivated",
        ],
        [
            "no login by password",
            ({ homeserver }) => {
                homeserver.failNext(
                    "login",
                    "before",
                    new HomeserverError("login", {
                        kind: "invalid",
                        status: 400,
                        errcode: "M_UNKNOWN",
                        error: "Unknown login type",
                    }),
                );
                return {};
            },
            "password_login_refused",
        ],
        [
            "a server that logs in by other means only",
            ({ homeserver }) => {
                homeserver.failNext(
                    "login",
                    "before",
                    new HomeserverError("login", { kind: "unrecognized", status: 404 }),
                );
                return {};
            },
            "password_login_refused",
        ],
        [
            "a proxy that forbids what a start needs",
            ({ homeserver }) => {
                const problem = { kind: "forbidden", errcode: "M_FORBIDDEN", error: "not from here" } as const;
                homeserver.failNext("keys_query", "before", new HomeserverError("keys_query", problem));
                return {};
            },
            "homeserver_refused",
        ],
        [
            "a list of keys that is none",
            ({ homeserver }) => {
                homeserver.keysQuery = () => Promise.resolve("[]");
                return {};
            },
            "homeserver_refused",
        ],
        [
            "an answer that the machine cannot read",
            ({ crypto }) => ({
                openCrypto: async (user, device) => ({
                    ...(await crypto.open(user, device)),
                    markSent: () => Promise.reject(new Error("missing field `one_time_key_counts`")),
                }),
            }),
            "homeserver_refused",
        ],
        [
            "a store that was put back from an old copy",
            ({ homeserver }) => {
                const error = "One time key signed_curve25519:AAAAAAAAAA0 already exists. Old key: ...";
                homeserver.failNext(
                    "keys_upload",
                    "before",
                    new HomeserverError("keys_upload", { kind: "invalid", status: 400, errcode: "M_UNKNOWN", error }),
                );
                return {};
            },
            "one_time_keys_conflict",
        ],
        [
            "a token that the server does not know",
            () => ({ accessToken: new Secret("nonsense"), password: undefined }),
            "access_token_refused",
        ],
        [
            "another user's data folder",
            async (bot) => {
                await bot.start();
                return { userId: "@other:example.org" };
            },
            "account_of_another_user",
        ],
        [
            "another device's token",
            async (bot) => {
                await bot.start();
                return {
                    accessToken: (await bot.homeserver.login(password, "ANOTHER")).accessToken,
                    password: undefined,
                };
            },
            "access_token_of_another_device",
        ],
        [
            "another device's crypto store",
            (bot) => {
                [bot.crypto.userId, bot.crypto.deviceId] = [userId, "ANOTHER"];
                return {};
            },
            "store_of_another_device",
        ],
        [
            "an empty store for a device with published keys",
            async (bot) => {
                await bot.start();
                const empty = new FakeCryptoStore();
                return { openCrypto: (user, device) => empty.open(user, device) };
            },
            "device_keys_lost",
        ],
        [
            "a store whose device another store has taken over",
            async (bot) => {
                const { deviceId } = await bot.start();
                bot.homeserver.deviceKeys.set(deviceId, { keys: { [`ed25519:${deviceId}`]: "foreign" }, signed: true });
                return {};
            },
            "device_keys_of_another_store",
        ],
        [
            "a device whose keys the server has lost",
            async (bot) => {
                bot.homeserver.deviceKeys.delete((await bot.start()).deviceId);
                return {};
            },
            "device_keys_gone",
        ],
        [
            "a device that was logged out",
            async (bot) => {
                const device = bot.homeserver.devices.get((await bot.start()).deviceId);
                if (device !== undefined) device.state = "logged_out";
                return {};
            },
            "device_logged_out",
        ],
        [
            "a recovery key of another account",
            async (bot) => {
                await bot.start();
                const fresh = new Installation(bot.homeserver);
                return { ...fresh.options(), recoveryKey: other };
            },
            "recovery_key_wrong",
        ],
        ["a recovery key with a typing error", () => ({ recoveryKey: new Secret("EsTc") }), "recovery_key_malformed"],
        [
            "secret storage of another client, and no key for it",
            async ({ homeserver }) => {
                await homeserver.login(password, "ELEMENT");
                await new SecretStorage(homeserver, userId).addDefaultKey(Buffer.alloc(32, 1));
                return {};
            },
            "secret_storage_locked",
        ],
        [
            "secret storage without the identity's keys",
            async (bot) => {
                await bot.start();
                bot.homeserver.data.delete("m.cross_signing.self_signing");
                return { ...new Installation(bot.homeserver).options(), recoveryKey: new Secret(bot.recoveryKey()) };
            },
            "recovery_incomplete",
        ],
        [
            "secret storage with keys of an earlier identity",
            async (bot) => {
                await bot.start();
                const recoveryKey = new Secret(bot.recoveryKey());
                bot.homeserver.signingKeys = { master: "newer", raw: { keys: { "ed25519:newer": "newer" } } };
                return { ...new Installation(bot.homeserver).options(), recoveryKey };
            },
            "recovery_incomplete",
        ],
        [
            "a server that wants something other than the password",
            ({ homeserver }) => {
                homeserver.authentication = "sso";
                return {};
            },
            "password_not_asked_for",
        ],
        [
            "a reset without the password",
            async (bot) => ({
                accessToken: (await bot.homeserver.login(password, "D")).accessToken,
                resetIdentity: true,
            }),
            "password_missing",
        ],
    ],
)("refused, with its own sentence: %s", async (_, arrange, code) => {
    const bot = new Installation();
    const options = await arrange(bot);
    const before = publication(bot.homeserver);
    await expect(bot.start(options)).rejects.toMatchObject({ name: "Failure", code });
    expect(publication(bot.homeserver)).toMatchObject(before);
});

/** What other people see of the account: no refusal may change it, a new device's keys beside it apart. */
function publication({ signingKeys, deviceKeys }: FakeHomeserver): object {
    return structuredClone({ signingKeys, ...Object.fromEntries(deviceKeys) });
}

test("an answer without any keys is not taken for an account without an identity", async () => {
    const bot = new Installation();
    bot.homeserver.keysQuery = () => Promise.resolve("{}");
    await expect(bot.start()).rejects.toMatchObject({ code: "homeserver_refused" });
    expect(bot.homeserver.requests).not.toContain("signing_keys_upload");
});
