import { createHash } from "node:crypto";
import { setImmediate } from "node:timers/promises";
import { hasSignedDevice, type SealedDelivery } from "../../crypto/index.ts";
import type { Database } from "../../database/index.ts";
import type { Audit } from "../ledger/audit.ts";
import type { BundleFile, BundleFiles } from "../bundle/bundle-files.ts";
import type { BundleMessages } from "./bundle-messages.ts";
import { deliveryIds } from "../ledger/delivery-ids.ts";
import type { Answered, DeviceKeys } from "./device-keys.ts";
import { NoSignedDevice } from "./no-signed-device.ts";
import type { JobDevices } from "../ledger/devices.ts";
import type { FactSources } from "../policy/facts.ts";
import { requireGo } from "../policy/gate.ts";
import { Halt } from "../policy/halt.ts";
import { tellOfInviter } from "../policy/inviter-changed.ts";
import { refusesOne } from "./homeserver-faults.ts";
import type { Given } from "../ledger/sendings.ts";
import type { Job, ShareJobs } from "../ledger/jobs.ts";
import type { IdentityPins } from "../policy/pins.ts";
import type { RoomBundles } from "../bundle/room-bundles.ts";
import type { DeviceState } from "../ledger/states.ts";

export interface DeliveryParts {
    readonly database: Database;
    readonly jobs: ShareJobs;
    readonly devices: JobDevices;
    readonly audit: Pick<Audit, "begin" | "record" | "refused">;
    readonly pins: IdentityPins;
    readonly bundles: Pick<RoomBundles, "current">;
    readonly files: BundleFiles;
    readonly facts: FactSources;
    readonly deviceKeys: Pick<DeviceKeys, "refresh" | "openSessions">;
    readonly messages: Pick<BundleMessages, "seal" | "send">;
    readonly now: () => number;
}

/**
 * Gives the room's shareable keys to the invitee's cross-signed devices. Safe to run again after any crash: the file
 * and the encrypted bodies are kept, and the server takes a transaction ID once. Source: Matrix v1.19, "Sharing keys
 * between users"; MSC4268, "Sending".
 * @returns the job, moved on with the record of what was sent; undefined if something else moved it meanwhile
 * @throws Halt when the job has to stop, wait or end; `NoSignedDevice` if there is nobody to encrypt for.
 */
export async function deliver(parts: DeliveryParts, job: Job): Promise<Job | undefined> {
    // 1. What can be decided without anybody's help: nobody is asked for keys on behalf of a paused or closed room.
    requireGo(parts, job, "not_asked");

    // 2. The room's bundle goes to the media repository, where nobody can read it without its key, unless it is there.
    //    Meanwhile the
    //    invitee's server is asked: first, as the crypto worker takes one question after the other.
    const reaching = settled(reachInvitee(parts, job));
    await setImmediate();
    const building = settled(parts.bundles.current(job.roomId));
    // Whoever has no device yet needs no file.
    const { pin, reachable } = (await reaching)();
    const bundle = (await building)();

    const record = await sealAndSend(parts, job, {
        deliveryId: deliveryIds(job.id).first,
        pin,
        reachable,
        bundle,
        toAll: true,
    });
    return parts.database.transaction(() => {
        record();
        return parts.jobs.move(job, "delivered", "sent", 0) ? parts.jobs.get(job.id) : undefined;
    });
}

/**
 * Gives a delivered job's keys to these devices, too: they have appeared since, or are given a second copy.
 * Safe to run again, like `deliver`, under the same `deliveryId`.
 * @param further `keys`: the invitee's, as just learnt; `refreshed`: these are all devices that were served, and this
 * is the bundle for them
 * @throws Halt when it cannot be done now
 */
export async function deliverAgain(
    parts: DeliveryParts,
    job: Job,
    further: {
        readonly deliveryId: string;
        readonly deviceIds: readonly string[];
        readonly keys: Answered;
        readonly refreshed?: BundleFile;
    },
): Promise<void> {
    const { deliveryId, deviceIds, refreshed } = further;
    const pinned = parts.database.transaction(() => pinFor(parts, job, further.keys));
    const { pin, reachable } = await openChannels(parts, job, further.keys, pinned);
    const bundle = refreshed ?? (await parts.bundles.current(job.roomId));
    // Where nothing was sent before, these are all that there are.
    const toAll = refreshed !== undefined || parts.files.deliveryOf(job.id) === undefined;
    const record = await sealAndSend(parts, job, { deliveryId, deviceIds, pin, reachable, bundle, toAll });
    parts.database.transaction(record);
}

interface Sending {
    readonly deliveryId: string;
    /** Undefined: every device. */
    readonly deviceIds?: readonly string[];
    readonly pin: string;
    readonly reachable: boolean;
    readonly bundle: BundleFile;
    /** No device of the job is left with an older bundle. */
    readonly toAll: boolean;
}

/** @returns what writes down, inside a transaction, what was sent: only then may the worker forget the bodies */
async function sealAndSend(parts: DeliveryParts, job: Job, plan: Sending): Promise<() => void> {
    const { deliveryId, deviceIds, pin, reachable, bundle, toAll } = plan;
    // 3. The pin is checked again in the same step as the encryption: nothing can change between the two.
    const sealed = await parts.messages.seal(job, {
        deliveryId,
        roomId: job.roomId,
        userId: job.userId,
        ...(deviceIds === undefined ? {} : { deviceIds }),
        pinnedMasterKey: pin,
        file: bundle.file,
    });
    const devices = sealedDevices(sealed);
    const copies = devices.filter((device) => device.state === "sealed");
    if (copies.length === 0) {
        parts.database.transaction(() => recordDevices(parts, job, devices, reachable));
        if (devices.some(({ state }) => state === "error")) throw new Halt(["retry", "not_encrypted"]);
        throw new Halt(["retry", reachable ? "no_session_with_devices" : "invitee_server_unreachable"]);
    }

    // 4. The last look before what cannot be taken back: each attempt has one of its own.
    const mayGo = (): void => {
        if (parts.pins.pinned(job.userId) !== pin) throw new Halt(["retry", "trusted"]);
        requireGo(parts, job, "as_pinned");
    };
    const sending = given(parts, job, copies, { deliveryId, pin, bundle });
    const begin = (): void => parts.audit.begin(sending, parts.now());
    try {
        await parts.messages.send({ jobId: job.id, deliveryId, userId: job.userId, devices: copies, mayGo, begin });
    } catch (error) {
        // By now it was asked for these devices alone.
        if (refusesOne(error)) recordRefused(parts, job, sending);
        throw error;
    }
    return () => recordDevices(parts, job, devices, reachable, { sending, bundle, toAll });
}

/**
 * Who the invitee is, and an encrypted channel to each of their devices. @throws Halt if they are not who they were, or
 * nobody can be reached
 */
async function reachInvitee(parts: DeliveryParts, job: Job): Promise<Reached> {
    // A stored answer may lack the device that they logged in with a minute ago.
    const keys = await parts.deviceKeys.refresh(job.userId);
    if (keys === undefined) throw new Halt(["retry", "invitee_server_unreachable"]);
    const pinned = parts.database.transaction(() => {
        parts.devices.observe(job, keys, parts.now());
        return pinFor(parts, job, keys);
    });
    return await openChannels(parts, job, keys, pinned);
}

interface Reached {
    readonly pin: string;
    readonly reachable: boolean;
}

async function openChannels(parts: DeliveryParts, job: Job, keys: Answered, pin: string | undefined): Promise<Reached> {
    // 1. Is that who they were when we first saw them?
    if (pin === undefined) throw new NoSignedDevice(keys);
    requireGo(parts, job, keys.masterKey === pin ? "as_pinned" : "changed");
    if (!hasSignedDevice(keys)) throw new NoSignedDevice(keys);

    // 2. A one-time key of each device that we have not spoken to.
    return { pin, reachable: await parts.deviceKeys.openSessions(job.userId) };
}

/** Keeps an outcome for later: a rejection that comes while nobody waits is no unhandled one. */
function settled<T>(promise: Promise<T>): Promise<() => T> {
    return promise.then(
        (value) => () => value,
        (error: unknown) => () => {
            throw error;
        },
    );
}

type Devices = Extract<SealedDelivery, { identity: "pinned" }>["devices"];

function pinFor({ now, pins }: DeliveryParts, job: Job, keys: Answered): string | undefined {
    const { masterKey } = keys;
    if (masterKey === null) return undefined;
    return pins.pinFirst(job.userId, masterKey, now());
}

function sealedDevices(sealed: SealedDelivery): Devices {
    switch (sealed.identity) {
        case "none":
            throw new Halt(["refused", "no_identity"]);
        case "changed":
            throw new Halt(["held", "identity_changed"]);
        case "pinned":
            return sealed.devices;
    }
}

/** Names a sending by what went out: run again after a crash, it has the same name. */
function sendingId(deliveryId: string, copies: Devices): string {
    const digest = createHash("sha256").update(JSON.stringify(copies)).digest("hex").slice(0, 16);
    return `${deliveryId}-${digest}`;
}

/** @param sent undefined: nothing was */
function recordDevices(
    parts: DeliveryParts,
    job: Job,
    devices: Devices,
    reachable: boolean,
    sent?: Pick<Sending, "bundle" | "toAll"> & { readonly sending: Given },
): void {
    if (sent?.toAll === true) recordBundle(parts, job, sent.bundle);
    for (const device of devices) parts.devices.record(job, device.deviceId, outcome(device.state), parts.now());
    if (sent !== undefined) {
        parts.audit.record(sent.sending, parts.now());
        tellOfInviter(parts, job);
    }

    function outcome(state: Devices[number]["state"]): DeviceState {
        switch (state) {
            case "sealed":
                return "sent";
            case "not_cross_signed":
            case "error":
                return state;
            case "no_session":
                return reachable ? "no_session" : "server_unreachable";
        }
    }
}

function recordRefused(parts: DeliveryParts, job: Job, { sendingId, deviceIds }: Given): void {
    parts.database.transaction(() => {
        parts.audit.refused(sendingId);
        for (const deviceId of deviceIds) parts.devices.record(job, deviceId, "error", parts.now());
    });
}

function given(
    { facts }: DeliveryParts,
    { id, roomId, userId, inviter, origin, approved }: Job,
    copies: Devices,
    { deliveryId, pin, bundle }: Pick<Sending, "deliveryId" | "pin" | "bundle">,
): Given {
    const visibility = facts.rooms.room(roomId)?.visibility ?? "unknown";
    return {
        sendingId: sendingId(deliveryId, copies),
        jobId: id,
        roomId,
        userId,
        inviter,
        identity: pin,
        deviceIds: copies.map(({ deviceId }) => deviceId),
        sessions: bundle.contents.shared,
        mxc: bundle.file.url,
        policy: { mode: facts.policy(roomId).mode, visibility, origin, approved: approved.length > 0 },
    };
}

/** Keeps which file it was, and says in the job's story if not everything could be in it. */
function recordBundle({ files, jobs, now }: DeliveryParts, job: Job, bundle: BundleFile): void {
    const before = files.deliveryOf(job.id);
    files.delivered(job.id, bundle, now());
    const { shared, tooOld, overLimit } = bundle.contents;
    if (tooOld + overLimit > 0 && before?.fileId !== bundle.id)
        jobs.tell(job.id, "older_left_out", `${tooOld + overLimit} of ${shared + tooOld + overLimit} sessions`);
}
