import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Failure } from "../../../failures/index.ts";
import { createIndexedDB } from "../../../indexeddb/index.ts";
import type { CryptoChanges } from "../../../matrix/index.ts";
import type { Logger } from "../../../telemetry/index.ts";
import { startCrypto } from "../../host.ts";
import { OutgoingRequests } from "../../outgoing-requests.ts";
import type { CryptoPort, OutgoingRequest, Received, UserKeys } from "../../port.ts";
import { openMachine } from "../open.ts";
import type { CryptoStore } from "../store/context.ts";
import type { KeyServer } from "./key-server.ts";

export const BOT = { userId: "@bot:home", deviceId: "BOT" } as const;
export const storeKey = new Uint8Array(32).fill(7);

export const silent: Logger = {
    debug: () => undefined,
    info: () => undefined,
    warn: () => undefined,
    error: () => undefined,
    child: () => silent,
};

/** How a test opens the crypto port: in this thread, or as the bot does. */
export type Open = (path: string, more?: OpenMore) => Promise<CryptoPort>;

export interface OpenMore {
    readonly userId?: string;
    readonly deviceId?: string;
    readonly storeKey?: Uint8Array;
    readonly onFault?: (reason: Failure) => void;
    /** In this thread only: the store as the machine sees it. */
    readonly wrap?: (store: CryptoStore) => CryptoStore;
}

export const inThisThread: Open = (
    path,
    { wrap = (store: CryptoStore) => store, onFault = () => undefined, ...more } = {},
) =>
    openMachine({
        ...BOT,
        storeKey,
        ...more,
        path,
        log: silent,
        onFault,
        openStore: () => wrap(createIndexedDB({ path })),
    });

export const inTheWorker: Open = (path, more = {}) =>
    startCrypto({ ...BOT, storeKey, ...more, path, log: silent, onFatal: more.onFault ?? (() => undefined) });

/** A folder of its own for a test, gone when the test ends. */
export function temporaryStore(): Disposable & { readonly path: string; readonly folder: string } {
    const folder = mkdtempSync(join(tmpdir(), "backscroll-crypto-"));
    return {
        folder,
        path: join(folder, "crypto.sqlite"),
        [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
    };
}

/** The bot's crypto port on a fake key server, published and cross-signed. */
export class TestBot {
    readonly crypto: CryptoPort;
    readonly outgoing: OutgoingRequests;
    readonly #server: KeyServer;

    constructor(crypto: CryptoPort, server: KeyServer) {
        this.crypto = crypto;
        this.#server = server;
        const send = (request: OutgoingRequest) =>
            Promise.resolve({ ok: true as const, body: server.answer(BOT.userId, BOT.deviceId, request) });
        this.outgoing = new OutgoingRequests({ crypto, send, deviceId: BOT.deviceId, log: silent });
    }

    async publish(): Promise<void> {
        await this.outgoing.flush();
        const uploads = await this.crypto.createIdentity({ reset: false });
        this.#server.uploadSigningKeys(BOT.userId, uploads.signingKeys);
        this.#server.uploadSignatures(uploads.signatures);
        await this.query(BOT.userId);
    }

    async query(userId: string): Promise<void> {
        await this.outgoing.deliver(await this.crypto.keysQuery([userId]));
    }

    async keysOf(userId: string): Promise<UserKeys> {
        const [keys] = await this.crypto.userKeys([userId]);
        if (keys === undefined) throw new Error("the crypto worker left out a user");
        return keys;
    }

    /** A sync batch with what waits on the server, and whatever else a test puts in. */
    receive(...more: unknown[]): Promise<readonly string[]> {
        return this.receiveEvents([...this.#server.take(BOT.userId, BOT.deviceId), ...more]);
    }

    async receiveEvents(toDevice: readonly unknown[]): Promise<readonly string[]> {
        return (await this.receiveChanges({ toDevice })).rooms;
    }

    receiveChanges(changes: Partial<CryptoChanges>): Promise<Received> {
        return this.crypto.receive({
            toDevice: [],
            deviceLists: { changed: [], left: [] },
            oneTimeKeyCounts: { signed_curve25519: 50 },
            unusedFallbackKeyTypes: ["signed_curve25519"],
            ...changes,
        });
    }
}
