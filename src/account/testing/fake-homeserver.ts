import { z } from "zod";
import { Secret } from "../../config/index.ts";
import {
    type Homeserver,
    type HomeserverAccess,
    HomeserverError,
    type HomeserverProblem,
} from "../../homeserver/index.ts";

const bodies = {
    deviceKeys: z.object({ ed25519: z.string() }),
    signature: z.object({ signedBy: z.string() }),
    signingKeys: z.object({ master_key: z.object({ keys: z.record(z.string(), z.string()) }) }),
};

interface Device {
    token: string;
    state: "in" | "soft_logout" | "logged_out";
}

interface SigningKeys {
    readonly master: string;
    readonly raw: object;
}

/**
 * A homeserver as far as one account sees it, in memory: logins, device keys, cross-signing, account data. It catches
 * what our side does in the wrong order or twice: every request is in `requests`, and `failNext` breaks the next one of
 * a kind, before or after it took effect.
 */
export class FakeHomeserver implements Homeserver, HomeserverAccess {
    readonly userId: string;
    readonly password = "correct horse";
    readonly requests: string[] = [];
    readonly devices = new Map<string, Device>();
    readonly deviceKeys = new Map<string, { keys: Record<string, string>; signed: boolean }>();
    readonly data = new Map<string, Record<string, unknown>>();
    signingKeys: SigningKeys | undefined;
    authentication: "first_is_free" | "password" | "sso" = "first_is_free";
    isHomeserver = true;
    #token: string | undefined;
    #faults = new Map<string, { readonly when: "before" | "after"; readonly error: Error }>();

    constructor(userId: string) {
        this.userId = userId;
    }

    failNext(operation: string, when: "before" | "after", error: Error): void {
        this.#faults.set(operation, { when, error });
    }

    versions(): Promise<readonly string[]> {
        if (!this.isHomeserver)
            return refuse("versions", { kind: "not_matrix", status: 200, detail: "content type text/html" });
        return this.#do("versions", () => ["v1.19"]);
    }

    async login(
        password: Secret,
        deviceId: string,
    ): Promise<{ readonly userId: string; readonly deviceId: string; readonly accessToken: Secret }> {
        return this.#do("login", () => {
            if (password.reveal() !== this.password)
                throw error("login", { kind: "forbidden", errcode: "M_FORBIDDEN", error: "Invalid" });
            const token = `token ${this.requests.length}`;
            this.devices.set(deviceId, { token, state: "in" });
            this.#token = token;
            return { userId: this.userId, deviceId, accessToken: new Secret(token) };
        });
    }

    useAccessToken(token: Secret): void {
        this.#token = token.reveal();
    }

    whoami(): Promise<{ readonly userId: string; readonly deviceId: string | undefined }> {
        return this.#as("whoami", (deviceId) => ({ userId: this.userId, deviceId }));
    }

    keysUpload(body: string): Promise<string> {
        return this.#as("keys_upload", (deviceId) => {
            const { ed25519 } = bodies.deviceKeys.parse(JSON.parse(body));
            this.deviceKeys.set(deviceId, { keys: { [`ed25519:${deviceId}`]: ed25519 }, signed: false });
            return "{}";
        });
    }

    keysQuery(): Promise<string> {
        return this.#as("keys_query", () => {
            const device_keys = Object.fromEntries(
                [...this.deviceKeys].map(([id, { keys, signed }]) => [id, { keys, signed }]),
            );
            const master_keys = this.signingKeys === undefined ? {} : { [this.userId]: this.signingKeys.raw };
            return JSON.stringify({ device_keys: { [this.userId]: device_keys }, master_keys });
        });
    }

    signaturesUpload(body: string): Promise<string> {
        return this.#as("signatures_upload", (deviceId) => {
            const { signedBy } = bodies.signature.parse(JSON.parse(body));
            const keys = this.deviceKeys.get(deviceId);
            if (keys !== undefined && signedBy === this.signingKeys?.master) keys.signed = true;
            return "{}";
        });
    }

    signingKeysUpload(body: string, password: Secret | undefined): Promise<void> {
        return this.#as("signing_keys_upload", () => {
            const asked = this.authentication !== "first_is_free" || this.signingKeys !== undefined;
            const usable = this.authentication !== "sso" && password !== undefined;
            if (asked && !usable)
                throw error("signing_keys_upload", {
                    kind: "auth_required",
                    session: "s",
                    flows: [],
                    errcode: undefined,
                });
            if (asked && password?.reveal() !== this.password)
                throw error("signing_keys_upload", { kind: "forbidden", errcode: "M_FORBIDDEN", error: "" });
            const { master_key } = bodies.signingKeys.parse(JSON.parse(body));
            const master = Object.values(master_key.keys)[0] ?? "";
            if (this.signingKeys?.master === master) return;
            this.signingKeys = { master, raw: master_key };
            for (const keys of this.deviceKeys.values()) keys.signed = false;
        });
    }

    accountData(_: string, type: string): Promise<Record<string, unknown> | undefined> {
        return this.#as("account_data", () => this.data.get(type));
    }

    putAccountData(_: string, type: string, content: object): Promise<void> {
        return this.#as(
            `put ${type.replace(/^(m\.secret_storage\.key\.|org\.backscroll\.generation\.).*/, "$1<id>")}`,
            () => {
                this.data.set(type, { ...structuredClone(content) });
            },
        );
    }

    readonly deleteDevice = unused;
    readonly keysClaim = unused;
    readonly sendToDevice = unused;
    readonly sync = unused;
    readonly uploadLimit = unused;
    readonly createMedia = unused;
    readonly putMedia = unused;
    readonly mediaExists = unused;
    readonly getMedia = unused;
    readonly join = unused;
    readonly leave = unused;
    readonly roomState = unused;
    readonly hasAccount = unused;
    readonly memberEvent = unused;
    readonly putMember = unused;
    readonly event = unused;
    readonly messages = unused;
    readonly createRoom = unused;
    readonly sendEvent = unused;

    #as<T>(operation: string, effect: (deviceId: string) => T): Promise<T> {
        return this.#do(operation, () => {
            const [deviceId, device] = [...this.devices].find(([, { token }]) => token === this.#token) ?? [];
            if (deviceId === undefined || device?.state !== "in") {
                throw error(operation, { kind: "unknown_token", softLogout: device?.state === "soft_logout" });
            }
            return effect(deviceId);
        });
    }

    async #do<T>(operation: string, effect: () => T): Promise<T> {
        this.requests.push(operation);
        const fault = this.#faults.get(operation);
        this.#faults.delete(operation);
        if (fault?.when === "before") throw fault.error;
        const answer = effect();
        await Promise.resolve();
        if (fault?.when === "after") throw fault.error;
        return answer;
    }
}

function unused(): never {
    throw new Error("the account does not ask for this");
}

function error(operation: string, problem: HomeserverProblem): HomeserverError {
    return new HomeserverError(operation, problem);
}

function refuse(operation: string, problem: HomeserverProblem): Promise<never> {
    return Promise.reject(error(operation, problem));
}
