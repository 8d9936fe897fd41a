import { DeviceId, initAsync, OlmMachine, StoreHandle, UserId } from "@matrix-org/matrix-sdk-crypto-wasm";
import { Failure } from "../../failures/index.ts";
import { deriveKey, deriveSeal } from "../../sealing/index.ts";
import type { Logger } from "../../telemetry/index.ts";
import type { CryptoPort } from "../port.ts";
import { type CryptoStore, commit, isPanic, type MachineContext, TornCommit } from "./context.ts";
import { deliverySent, sealBundle, userKeys } from "./delivery.ts";
import { explain } from "./explain.ts";
import { drainFeed, openFeed } from "./feed.ts";
import { bundleOf, exportRoomKeys, holdings, importRoomKeys } from "./holdings.ts";
import { account, createIdentity, exportIdentity, importIdentity, signOwnDevice } from "./identity.ts";
import { OperationQueue } from "./operation-queue.ts";
import { receive } from "./receive.ts";
import { keysClaim, keysQuery, markSent, outgoing } from "./requests.ts";
import { encryptRoomEvent, rotate, shareRoomKey, trackUsers } from "./room-keys.ts";
import { type Owner, prepareTables } from "./tables.ts";

export interface OpenMachine extends Owner {
    /** Opens the file and takes its lock. */
    readonly openStore: () => CryptoStore;
    /** 32 bytes; every key of the store is derived from it. */
    readonly storeKey: Uint8Array;
    readonly log: Logger;
    /** Called once, when the machine can no longer be trusted: the process has to end. */
    readonly onFault: (reason: Failure) => void;
}

/**
 * The crypto port over an OlmMachine on this store. Every call goes through one queue, reads too:
 * beside another's transaction it would join that and be answered before it is on disk.
 * @throws {Failure} store_key_wrong, store_of_another_device, store_too_new; the store is as it was then
 */
export async function openMachine(options: OpenMachine): Promise<CryptoPort> {
    let store: CryptoStore | undefined;
    try {
        store = options.openStore();
        return portOf(await openContext(store, options), options);
    } catch (error) {
        store?.close();
        throw explain(error, options.path);
    }
}

async function openContext(store: CryptoStore, options: OpenMachine): Promise<MachineContext> {
    const { log, userId, deviceId, path } = options;
    const seal = deriveSeal(options.storeKey, "crypto rows");
    await store.atomically((sql) => prepareTables(sql, options, seal));
    store.install(globalThis);
    await initAsync();
    const machineLog = quiet(log);
    const handle = await StoreHandle.openWithKey("backscroll", deriveKey(options.storeKey, "crypto machine"), machineLog);
    const machine = await OlmMachine.initFromStore(new UserId(userId), new DeviceId(deviceId), handle, machineLog);
    machine.roomKeyRequestsEnabled = false;
    machine.roomKeyForwardingEnabled = false;
    const feed = await openFeed(machine, deriveKey(options.storeKey, "crypto feed"));
    const ownKey = machine.identityKeys.curve25519.toBase64();
    const memory = { keyCounts: undefined, awaitingQuery: new Set<string>(), preparedRooms: new Set<string>() };
    const context: MachineContext = { machine, store, seal, log, path, userId, deviceId, ownKey, feed, memory };
    await commit(context, (sql) => drainFeed(context, sql));
    return context;
}

function portOf(context: MachineContext, options: OpenMachine): CryptoPort {
    const queue = new OperationQueue();
    let closing: Promise<void> | undefined;
    const run = <T>(operation: () => Promise<T>): Promise<T> => queue.run(() => guard(operation, options, queue));
    return {
        account: () => run(() => account(context)),
        createIdentity: (request) => run(() => createIdentity(context, request)),
        exportIdentity: () => run(() => exportIdentity(context)),
        importIdentity: (secrets) => run(() => importIdentity(context, secrets)),
        signOwnDevice: () => run(() => signOwnDevice(context)),
        receive: (changes) => run(() => receive(context, changes)),
        outgoing: () => run(() => outgoing(context)),
        markSent: (request, response) => run(() => markSent(context, request, response)),
        keysQuery: (userIds) => run(() => keysQuery(context, userIds)),
        keysClaim: (userIds) => run(() => keysClaim(context, userIds)),
        trackUsers: (userIds) => run(() => trackUsers(context, userIds)),
        shareRoomKey: (roomId, userIds, visibility) => run(() => shareRoomKey(context, roomId, userIds, visibility)),
        encryptRoomEvent: (roomId, type, content) => run(() => encryptRoomEvent(context, roomId, type, content)),
        rotate: (roomId) => run(() => rotate(context, roomId)),
        holdings: (roomId) => run(() => holdings(context, roomId)),
        buildBundle: (roomId) => run(() => bundleOf(context, roomId)),
        userKeys: (userId) => run(() => userKeys(context, userId)),
        sealBundle: (delivery) => run(() => sealBundle(context, delivery)),
        deliverySent: (deliveryId) => run(() => deliverySent(context, deliveryId)),
        importRoomKeys: (entries) => run(() => importRoomKeys(context, entries)),
        exportRoomKeys: (roomId, page) => run(() => exportRoomKeys(context, roomId, page)),
        ping: () => run(() => Promise.resolve()),
        close: () => (closing ??= run(() => close(context, queue))),
    };
}

/** A torn commit or a panic ends everything: what the machine would do next does not match what is on disk. */
async function guard<T>(operation: () => Promise<T>, { path, onFault }: OpenMachine, queue: OperationQueue): Promise<T> {
    try {
        return await operation();
    } catch (error) {
        if (!(error instanceof TornCommit) && !isPanic(error)) throw explain(error, path);
        const cause = explain(error, path);
        const reason = cause instanceof Failure ? cause : new Failure("worker_died", { detail: String(cause) }, { cause });
        queue.stop(reason);
        onFault(reason);
        throw reason;
    }
}

async function close(context: MachineContext, queue: OperationQueue): Promise<void> {
    queue.stop(new Error("The crypto store is closed."));
    context.machine.close();
    await new Promise((resolve) => setImmediate(resolve));
    context.store.close();
}

/** What the machine says of itself is for developers; its warnings are about other people's malformed events. */
function quiet(log: Logger): {
    debug: (line: unknown) => void;
    info: (line: unknown) => void;
    warn: (line: unknown) => void;
    error: (line: unknown) => void;
} {
    const say = (line: unknown) => log.debug({ operation: "olm_machine", line: String(line) }, "the machine's own log");
    return { debug: () => undefined, info: () => undefined, warn: say, error: say };
}
