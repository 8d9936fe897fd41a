import { DeviceId, initAsync, OlmMachine, StoreHandle, UserId } from "@matrix-org/matrix-sdk-crypto-wasm";
import type { Failure } from "../../failures/index.ts";
import { deriveKey, deriveSeal } from "../../sealing/index.ts";
import type { Logger } from "../../telemetry/index.ts";
import type { CryptoPort } from "../port.ts";
import { buildBundle } from "./bundle/build-bundle.ts";
import { deliveriesSent, sealBundles, unsentDeliveries, userKeys } from "./bundle/seal-bundles.ts";
import { takeBundle } from "./bundle/take-bundle.ts";
import { forgetRoom } from "./entries/forget.ts";
import { heldSessions, holdings, roomsWithKeys, shareableSet } from "./entries/held-sessions.ts";
import { judgeAnew, keySenders, setOutsiders, setOwners } from "./entries/law.ts";
import { bundleOfferers, forgetOffer, offeredBundle } from "./exchange/bundle-offers.ts";
import { drainFeed, openFeed } from "./exchange/feed.ts";
import { account, createIdentity, exportIdentity, importIdentity, signOwnDevice } from "./exchange/identity.ts";
import { exportRoomKeys, importRoomKeys } from "./exchange/import-export.ts";
import { receiveBatch } from "./exchange/receive.ts";
import { keyRefusals } from "./exchange/refusals.ts";
import { keysClaim, keysQuery, markSent, outgoing } from "./exchange/requests.ts";
import { encryptRoomEvent, rotate, shareRoomKey, trackUsers } from "./exchange/room-keys.ts";
import { roomsWithSigns, sharingSigns } from "./exchange/sharing-signs.ts";
import { setRooms } from "./exchange/unknown-rooms.ts";
import { UnreadableKeys } from "./exchange/unreadable-keys.ts";
import { findVerificationRequests } from "./exchange/verification-requests.ts";
import { LiveMachine } from "./live-machine.ts";
import { commits } from "./store/commits.ts";
import { commit, type CryptoStore, type MachineContext } from "./store/context.ts";
import { copyStore, generation, setGeneration } from "./store/copies.ts";
import { explain } from "./store/explain.ts";
import { emptyIfHandedOver, handOver } from "./store/hand-over.ts";
import { MachineSessions } from "./store/machine-sessions.ts";
import { StoreCheck } from "./store/store-check.ts";
import { keepOutdated, type Owner, prepareTables } from "./tables.ts";

export interface OpenMachine extends Owner {
    /** Opens the file and takes its lock. */
    readonly openStore: () => CryptoStore;
    /** 32 bytes; every key of the store is derived from it. */
    readonly storeKey: Uint8Array;
    readonly log: Logger;
    /** Called once, when the machine can no longer be trusted: the process has to end. */
    readonly onFault: (reason: Failure) => void;
    /** Told how many commits are on disk, after each one. */
    readonly onCommit?: (commits: number) => void;
}

/**
 * The crypto port over an OlmMachine on this store.
 * @throws {Failure} store_key_wrong, store_of_another_device, store_too_new, store_corrupt, store_locked, disk_full,
 * upgrade_needs_room; the store is as it was then
 */
export async function openMachine(options: OpenMachine): Promise<CryptoPort> {
    const { path, onFault } = options;
    let store: CryptoStore | undefined;
    try {
        const opened = (store = options.openStore());
        const machine = new LiveMachine({ path, onFault, store: opened, open: () => openContext(opened, options) });
        await machine.run(() => Promise.resolve());
        return portOf(machine, new StoreCheck(opened));
    } catch (error) {
        store?.close();
        throw explain(error, path);
    }
}

async function openContext(store: CryptoStore, options: OpenMachine): Promise<MachineContext> {
    const { log, userId, deviceId, onCommit = () => undefined } = options;
    const seal = deriveSeal(options.storeKey, "crypto rows");
    await keepOutdated(store, options, seal);
    store.install(globalThis);
    await emptyIfHandedOver(store);
    await initAsync();
    const unreadableKeys = new UnreadableKeys();
    const machineLog = quiet(log, unreadableKeys);
    // One commit: a store that was killed while it was made has an account and an owner, or neither.
    const machine = await store.atomically(async (sql) => {
        prepareTables(sql, options, seal);
        const handle = await StoreHandle.openWithKey(
            "backscroll",
            deriveKey(options.storeKey, "crypto machine"),
            machineLog,
        );
        return await OlmMachine.initFromStore(new UserId(userId), new DeviceId(deviceId), handle, machineLog);
    });
    machine.roomKeyRequestsEnabled = false;
    machine.roomKeyForwardingEnabled = false;
    const feed = await openFeed(machine, deriveKey(options.storeKey, "crypto feed"));
    const ownKey = machine.identityKeys.curve25519.toBase64();
    const memory: MachineContext["memory"] = {
        keyCounts: undefined,
        outgoingSeen: false,
        awaitingQuery: new Set(),
        resting: new Map(),
        trackedUsers: undefined,
        heard: 0,
        outdated: false,
        preparedRooms: new Set(),
        unreadableKeys,
    };
    const sessions = await MachineSessions.open(store);
    const context: MachineContext = {
        machine,
        store,
        seal,
        log,
        userId,
        deviceId,
        ownKey,
        feed,
        sessions,
        memory,
        onCommit,
    };
    await commit(context, (sql) => drainFeed(context, sql));
    await store.atomically(async (sql) => {
        // What it had told of before it was to keep none.
        await sessions.empty();
        judgeAnew(sql, context);
    });
    return context;
}

function portOf(machine: LiveMachine, check: StoreCheck): CryptoPort {
    return {
        account: () => machine.run(account),
        createIdentity: (options) => machine.run((context) => createIdentity(context, options)),
        exportIdentity: () => machine.run(exportIdentity),
        importIdentity: (secrets) => machine.run((context) => importIdentity(context, secrets)),
        signOwnDevice: () => machine.run(signOwnDevice),
        receive: (changes) => receiveBatch((operation) => machine.run(operation), changes),
        outgoing: () => machine.run(outgoing),
        markSent: (request, response) => machine.run((context) => markSent(context, request, response)),
        keysQuery: (userIds) => machine.run((context) => keysQuery(context, userIds)),
        keysClaim: (userIds) => machine.run((context) => keysClaim(context, userIds)),
        trackUsers: (userIds) => machine.run((context) => trackUsers(context, userIds)),
        shareRoomKey: (roomId, userIds, visibility) =>
            machine.run((context) => shareRoomKey(context, roomId, userIds, visibility)),
        encryptRoomEvent: (roomId, type, content) =>
            machine.run((context) => encryptRoomEvent(context, roomId, type, content)),
        rotate: (roomId) => machine.run((context) => rotate(context, roomId)),
        heldSessions: (roomId, after) => machine.run((context) => heldSessions(context, roomId, after)),
        keyRefusals: (roomId) => machine.run((context) => keyRefusals(context, roomId)),
        findVerificationRequests: (roomId, events) =>
            machine.run((context) => findVerificationRequests(context, roomId, events)),
        setRooms: (roomIds, now) => machine.run((context) => setRooms(context, roomIds, now)),
        setOwners: (owners) => machine.run((context) => setOwners(context, owners)),
        keySenders: (roomId) => machine.run((context) => keySenders(context, roomId)),
        setOutsiders: (roomId, userIds) => machine.run((context) => setOutsiders(context, roomId, userIds)),
        holdings: (roomId) => machine.run((context) => holdings(context, roomId)),
        shareableSet: (roomId) => machine.run((context) => shareableSet(context, roomId)),
        buildBundle: (request) => buildBundle((operation) => machine.run(operation), request),
        userKeys: (userIds) => machine.run((context) => userKeys(context, userIds)),
        sealBundles: (deliveries) => sealBundles((operation) => machine.run(operation), deliveries),
        deliveriesSent: (deliveryIds) => machine.run((context) => deliveriesSent(context, deliveryIds)),
        unsentDeliveries: () => machine.run((context) => unsentDeliveries(context)),
        sharingSigns: (roomId) => machine.run((context) => sharingSigns(context, roomId)),
        roomsWithSigns: () => machine.run(roomsWithSigns),
        bundleOfferers: (roomId) => machine.run((context) => bundleOfferers(context, roomId)),
        offeredBundle: (roomId, userId) => machine.run((context) => offeredBundle(context, roomId, userId)),
        takeBundle: (bundle) => takeBundle((operation) => machine.run(operation), bundle),
        forgetOffer: (roomId, sender) => machine.run((context) => forgetOffer(context, roomId, sender)),
        importRoomKeys: (entries) => machine.run((context) => importRoomKeys(context, entries)),
        exportRoomKeys: (roomId, after = 0) => machine.run((context) => exportRoomKeys(context, roomId, after)),
        forgetRoom: (roomId) => machine.run((context) => forgetRoom(context, roomId)),
        handOver: (deviceId) => machine.run((context) => handOver(context, deviceId)),
        roomsWithKeys: () => machine.run(roomsWithKeys),
        copyStore: (path) => machine.run((context) => copyStore(context, path)),
        commits: () => machine.run(commits),
        generation: () => machine.run(generation),
        setGeneration: (next) => machine.run((context) => setGeneration(context, next)),
        checkNext: () => machine.run(() => Promise.resolve(check.next())),
        ping: () => machine.ping(),
        close: () => machine.close(),
    };
}

/** Characters of a line of the machine's own log that the bot's log has. A line repeats what a stranger wrote. */
const longestLine = 2_000;

/** What the machine says of itself is for developers; its warnings are about other people's malformed events. */
function quiet(
    log: Logger,
    keys: UnreadableKeys,
): Record<"debug" | "info" | "warn" | "error", (line: unknown) => void> {
    const say = (line: unknown) => {
        keys.heard(String(line));
        log.debug({ operation: "olm_machine", line: String(line).slice(0, longestLine) }, "the machine's own log");
    };
    return { debug: () => undefined, info: () => undefined, warn: say, error: say };
}
