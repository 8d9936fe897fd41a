import {
    ClientEvent,
    createClient,
    EventTimeline,
    EventType,
    type MatrixClient,
    Method,
    type RoomState,
    SyncState,
    type TimelineEvents,
} from "matrix-js-sdk";
import type { CryptoApi } from "matrix-js-sdk/lib/crypto-api/index.js";
import { until } from "../process/index.ts";
import type {
    BundleReceived,
    ClientOperations,
    DeviceOfUser,
    ExportedRoomKey,
    MembershipSeen,
    RoomOptions,
    StartOptions,
    TimelineMessage,
    VerificationSeen,
} from "./operations.ts";
import { asSeen, isMessage } from "./timeline-message.ts";
import { Verifications } from "./verifications.ts";

const silent = {
    trace: () => {},
    debug: () => {},
    info: () => {},
    warn: () => {},
    error: () => {},
    getChild: () => silent,
};

/** matrix-js-sdk behind the operations that the stories need. */
export class SdkClient implements ClientOperations {
    #started: MatrixClient | undefined;
    #login: StartOptions | undefined;
    readonly #bundles: BundleReceived[] = [];
    readonly #verifications = new Verifications();

    async start(options: StartOptions): Promise<void> {
        const { url: baseUrl, user, password, deviceId, identity } = options;
        this.#login = options;
        const anonymous = createClient({ baseUrl, logger: silent });
        const identifier = { type: "m.id.user", user } as const;
        const login = await anonymous.loginRequest({
            type: "m.login.password",
            identifier,
            password,
            device_id: deviceId,
        });
        const client = createClient({
            baseUrl,
            userId: login.user_id,
            deviceId: login.device_id,
            accessToken: login.access_token,
            logger: silent,
        });
        this.#started = client;
        client.on(ClientEvent.ReceivedToDeviceMessage, ({ message: { type, content } }) => {
            if (type === "m.room_key_bundle") this.#bundles.push(content as BundleReceived);
            this.#verifications.received(type, content);
        });
        await client.initRustCrypto({ useIndexedDB: false });
        await client.startClient({ initialSyncLimit: 50, pollTimeout: 5000 });
        await until("the first sync", () => client.getSyncState() === SyncState.Syncing, { everyMs: 20 });
        if (identity === "new") await this.#newIdentity(false);
        else if (identity !== "none") await this.takeIdentity(identity);
    }

    async stop(): Promise<void> {
        this.#started?.stopClient();
        this.#started = undefined;
        await Promise.resolve();
    }

    async createRoom({ name, encrypted = true, visibility, powerLevels, invite = [] }: RoomOptions): Promise<string> {
        const encryption = { type: "m.room.encryption", state_key: "", content: { algorithm: "m.megolm.v1.aes-sha2" } };
        const history = {
            type: "m.room.history_visibility",
            state_key: "",
            content: { history_visibility: visibility },
        };
        const { room_id: roomId } = await this.#request<{ room_id: string }>(Method.Post, "/createRoom", {
            name,
            preset: "private_chat",
            invite,
            initial_state: [...(encrypted ? [encryption] : []), ...(visibility === undefined ? [] : [history])],
            ...(powerLevels === undefined ? {} : { power_level_content_override: powerLevels }),
        });
        await until("the new room in the sync", () => this.#client.getRoom(roomId)?.getMyMembership() === "join");
        if (encrypted)
            await until("the room's encryption", async () => await this.#crypto.isEncryptionEnabledInRoom(roomId));
        return roomId;
    }

    async join(roomId: string): Promise<void> {
        await until("the invite", () => this.#client.getRoom(roomId)?.getMyMembership() === "invite");
        await this.#client.joinRoom(roomId);
        await until("the join in the sync", () => this.#client.getRoom(roomId)?.getMyMembership() === "join");
    }

    async inviteWithoutSharing(roomId: string, userId: string): Promise<void> {
        await this.#request(Method.Post, `/rooms/${encodeURIComponent(roomId)}/invite`, { user_id: userId });
    }

    async inviteWithSharing(roomId: string, userId: string): Promise<void> {
        await this.#client.invite(roomId, userId);
    }

    async kick(roomId: string, userId: string): Promise<void> {
        await this.#client.kick(roomId, userId);
    }

    async leave(roomId: string): Promise<void> {
        await this.#client.leave(roomId);
    }

    async send(roomId: string, message: string | object): Promise<string> {
        const content = typeof message === "string" ? { msgtype: "m.text", body: message } : message;
        return (
            await this.#client.sendEvent(
                roomId,
                EventType.RoomMessage,
                content as TimelineEvents[EventType.RoomMessage],
            )
        ).event_id;
    }

    async sendState(roomId: string, type: string, stateKey: string, content: object): Promise<void> {
        const path = `/rooms/${encodeURIComponent(roomId)}/state/${encodeURIComponent(type)}/${encodeURIComponent(stateKey)}`;
        const { event_id: eventId } = await this.#request<{ event_id: string }>(Method.Put, path, content);
        await until(
            "the state event in the sync",
            () => this.#state(roomId)?.getStateEvents(type, stateKey)?.getId() === eventId,
        );
    }

    async membership(roomId: string, userId: string): Promise<MembershipSeen | null> {
        const event = this.#state(roomId)?.getStateEvents("m.room.member", userId);
        const sender = event?.getSender();
        if (event === undefined || event === null || sender === undefined) return null;
        return { membership: String(event.getContent()["membership"]), sender, content: event.getContent() };
    }

    async timeline(roomId: string): Promise<readonly TimelineMessage[]> {
        const room = this.#client.getRoom(roomId);
        if (room === null) return [];
        const timeline = room.getLiveTimeline();
        while (timeline.getPaginationToken(EventTimeline.BACKWARDS) !== null) await this.#client.scrollback(room, 200);
        const events = timeline.getEvents();
        await Promise.all(events.map(async (event) => this.#client.decryptEventIfNeeded(event)));
        return events.filter((event) => isMessage(event)).map((event) => asSeen(event));
    }

    async excludeUnverified(verified: readonly DeviceOfUser[] = []): Promise<void> {
        this.#crypto.globalBlacklistUnverifiedDevices = true;
        await this.#crypto.getUserDeviceInfo(verified.map(({ userId }) => userId));
        for (const { userId, deviceId } of verified) await this.#crypto.setDeviceVerified(userId, deviceId);
    }

    async rotateSession(roomId: string): Promise<void> {
        await this.#crypto.forceDiscardSession(roomId);
    }

    async exportRoomKeys(): Promise<readonly ExportedRoomKey[]> {
        return JSON.parse(await this.#crypto.exportRoomKeysAsJson()) as readonly ExportedRoomKey[];
    }

    async exportIdentity(): Promise<object> {
        const secrets: unknown = await this.#crypto.exportSecretsBundle?.();
        if (typeof secrets !== "object" || secrets === null) throw new Error("this js-sdk cannot export the identity");
        return secrets;
    }

    async takeIdentity(secrets: object): Promise<void> {
        await this.#crypto.userHasCrossSigningKeys();
        await this.#crypto.importSecretsBundle?.(secrets);
        await this.#crypto.crossSignDevice(this.#client.getDeviceId() ?? "");
    }

    async resetIdentity(): Promise<void> {
        await this.#newIdentity(true);
    }

    async masterKey(userId: string): Promise<string | null> {
        const { master_keys: keys = {} } = await this.#keysQuery(userId);
        return Object.values(keys[userId]?.keys ?? {})[0] ?? null;
    }

    async devices(userId: string): Promise<readonly DeviceOfUser[]> {
        const { device_keys: keys = {} } = await this.#keysQuery(userId);
        return Object.keys(keys[userId] ?? {}).map((deviceId) => ({ userId, deviceId }));
    }

    async ownKeys(): Promise<{ readonly curve25519: string; readonly ed25519: string }> {
        return await this.#crypto.getOwnDeviceKeys();
    }

    async sendToDevice(devices: readonly DeviceOfUser[], type: string, content: object): Promise<void> {
        await this.#crypto.getUserDeviceInfo([...new Set(devices.map(({ userId }) => userId))], true);
        const batch = await this.#crypto.encryptToDeviceMessages(type, [...devices], { ...content });
        if (batch.batch.length < devices.length) throw new Error("some of the devices are unknown");
        const byUser = Map.groupBy(batch.batch, ({ userId }) => userId);
        const messages = byUser
            .entries()
            .map(([userId, own]) => [userId, new Map(own.map((one) => [one.deviceId, one.payload]))] as const);
        await this.#client.sendToDevice(batch.eventType, new Map(messages));
    }

    async bundlesReceived(): Promise<readonly BundleReceived[]> {
        return await Promise.resolve(this.#bundles);
    }

    async askToVerify(
        userId: string,
        by: { readonly deviceId: string } | { readonly roomId: string },
    ): Promise<string> {
        return await this.#verifications.ask(this.#crypto, userId, by);
    }

    async verification(request: string): Promise<VerificationSeen> {
        return await Promise.resolve(this.#verifications.seen(this.#client, request));
    }

    async sendRaw(roomId: string, type: string, content: object): Promise<string> {
        const path = `/rooms/${encodeURIComponent(roomId)}/send/${encodeURIComponent(type)}/${this.#client.makeTxnId()}`;
        return (await this.#request<{ event_id: string }>(Method.Put, path, content)).event_id;
    }

    async request(method: "GET" | "POST" | "PUT" | "DELETE", path: string, body?: object): Promise<unknown> {
        return await this.#request(methods[method], path, body);
    }

    get #client(): MatrixClient {
        if (this.#started === undefined) throw new Error("not started");
        return this.#started;
    }

    get #crypto(): CryptoApi {
        const crypto = this.#client.getCrypto();
        if (crypto === undefined) throw new Error("no crypto");
        return crypto;
    }

    #state(roomId: string): RoomState | undefined {
        return this.#client.getRoom(roomId)?.getLiveTimeline().getState(EventTimeline.FORWARDS);
    }

    async #request<T>(method: Method, path: string, body?: object): Promise<T> {
        return await this.#client.http.authedRequest<T>(method, path, undefined, body);
    }

    async #keysQuery(userId: string): Promise<KeysQuery> {
        return await this.#request<KeysQuery>(Method.Post, "/keys/query", { device_keys: { [userId]: [] } });
    }

    async #newIdentity(replace: boolean): Promise<void> {
        const { user, password } = this.#login ?? { user: "", password: "" };
        await this.#crypto.bootstrapCrossSigning({
            setupNewCrossSigning: replace,
            authUploadDeviceSigningKeys: async (upload) => {
                try {
                    await upload(null);
                } catch (cause) {
                    const session = (cause as { data?: { session?: string } }).data?.session;
                    if (session === undefined) throw cause;
                    await upload({
                        type: "m.login.password",
                        identifier: { type: "m.id.user", user },
                        password,
                        session,
                    });
                }
            },
        });
    }
}

const methods = { GET: Method.Get, POST: Method.Post, PUT: Method.Put, DELETE: Method.Delete } as const;

interface KeysQuery {
    readonly device_keys?: Record<string, Record<string, unknown>>;
    readonly master_keys?: Record<string, { readonly keys: Record<string, string> }>;
}
