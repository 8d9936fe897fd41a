import { randomInt } from "node:crypto";
import type { Secret } from "../config/index.ts";
import { Failure } from "../failures/index.ts";
import { problemOf } from "../homeserver/index.ts";
import { AccountTable, type StoredAccount } from "./account-table.ts";
import { credentialsFailure, credentialsVerdict } from "./credentials.ts";
import type { AccountOptions } from "./options.ts";

type SessionOptions = Omit<AccountOptions, "openCrypto" | "recoveryKey" | "dataDir" | "onHomeserverWentBack">;

/** Logs our device in, or takes up its session, and answers its ID. The homeserver has its token then. */
export async function openSession(options: SessionOptions): Promise<string> {
    const { userId, accessToken, password } = options;
    const stored = new AccountTable(options.database).read();
    // The crypto store and everything in the database is this user's: another user's messages must never be signed with
    // them.
    if (stored?.loggedIn === true && stored.userId !== userId)
        throw new Failure("account_of_another_user", { stored: stored.userId, user: userId });
    const ours = stored?.userId === userId ? stored : undefined;
    if (accessToken !== undefined) return adoptToken(options, accessToken, ours);
    if (password === undefined) throw new Failure("password_missing", { user: userId });
    return resumeOrLogIn(options, password, ours);
}

/**
 * After a soft logout: the same device, a new token, stored.
 * @throws Failure password_missing where the configuration has only a token
 */
export async function renewAccessToken(options: Omit<SessionOptions, "log">): Promise<Secret> {
    const { userId, password } = options;
    const stored = new AccountTable(options.database).read();
    if (password === undefined) throw new Failure("password_missing", { user: userId });
    if (stored === undefined) throw new Error("a token ended before there was a device");
    return logIn(options, password, stored.deviceId);
}

async function adoptToken(options: SessionOptions, token: Secret, stored: StoredAccount | undefined): Promise<string> {
    const { homeserver, userId } = options;
    homeserver.useAccessToken(token);
    const who = await whoami(options, stored?.deviceId ?? "unknown", "access_token_refused");
    if (who.userId !== userId) throw new Failure("access_token_of_another_user", { found: who.userId, user: userId });
    if (who.deviceId === undefined) throw new Failure("access_token_without_device", { user: userId });
    if (stored?.loggedIn === true && stored.deviceId !== who.deviceId) {
        throw new Failure("access_token_of_another_device", { found: who.deviceId, device: stored.deviceId });
    }
    new AccountTable(options.database).loggedIn(userId, who.deviceId, undefined, options.seal);
    return who.deviceId;
}

async function resumeOrLogIn(
    options: SessionOptions,
    password: Secret,
    stored: StoredAccount | undefined,
): Promise<string> {
    const table = new AccountTable(options.database);
    const deviceId = stored?.deviceId ?? randomDeviceId();
    const token = stored === undefined ? undefined : table.accessToken(options.seal);
    if (stored === undefined) table.choose(options.userId, deviceId);
    // Replacing the identity begins with the password: a wrong one must be found before anything is changed.
    if (
        token !== undefined &&
        options.resetIdentity !== true &&
        (await resume(options, token, deviceId, stored?.loginBegun === true))
    )
        return deviceId;
    await logIn(options, password, deviceId);
    return deviceId;
}

/**
 * False: the token has ended and the device is still there, after a soft logout or a login whose answer we did not live
 * to store.
 */
async function resume(options: SessionOptions, token: Secret, deviceId: string, loginBegun: boolean): Promise<boolean> {
    options.homeserver.useAccessToken(token);
    try {
        const who = await whoami(options, deviceId, "device_logged_out");
        if (who.userId === options.userId && who.deviceId === deviceId) return true;
    } catch (error) {
        if (credentialsVerdict(error) === "login_again") return false;
        if (loginBegun && error instanceof Failure && error.code === "device_logged_out") return false;
        throw error;
    }
    throw new Failure("access_token_of_another_device", { found: "another one", device: deviceId });
}

async function logIn(options: Omit<SessionOptions, "log">, password: Secret, deviceId: string): Promise<Secret> {
    const { homeserver, userId } = options;
    const table = new AccountTable(options.database);
    table.loginBegins();
    try {
        const login = await homeserver.login(password, deviceId);
        if (login.userId !== userId)
            throw new Failure("access_token_of_another_user", { found: login.userId, user: userId });
        if (login.deviceId !== deviceId)
            throw new Failure("access_token_of_another_device", { found: login.deviceId, device: deviceId });
        table.loggedIn(userId, deviceId, login.accessToken, options.seal);
        return login.accessToken;
    } catch (error) {
        const problem = problemOf(error);
        if (problem?.kind === "forbidden") throw new Failure("password_wrong", { user: userId }, { cause: error });
        if (problem?.kind === "invalid" || problem?.kind === "unrecognized") {
            const detail = problem.kind === "invalid" ? problem.error : "it does not know this way to log in";
            throw new Failure("password_login_refused", { user: userId, detail }, { cause: error });
        }
        throw error;
    }
}

async function whoami(
    options: SessionOptions,
    deviceId: string,
    ended: "access_token_refused" | "device_logged_out",
): Promise<{ readonly userId: string; readonly deviceId: string | undefined }> {
    try {
        return await options.homeserver.whoami();
    } catch (error) {
        if (credentialsVerdict(error) !== "stop") throw error;
        if (ended === "access_token_refused" && problemOf(error)?.kind === "unknown_token") {
            throw new Failure("access_token_refused", { user: options.userId }, { cause: error });
        }
        throw credentialsFailure(error, options.userId, deviceId);
    }
}

export function randomDeviceId(): string {
    const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    return Array.from({ length: 10 }, () => letters.charAt(randomInt(letters.length))).join("");
}
