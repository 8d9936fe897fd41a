import { createHash } from "node:crypto";
import type { DatabaseSync } from "node:sqlite";
import { CollectStrategy, type Device } from "@matrix-org/matrix-sdk-crypto-wasm";
import type { BundleDelivery, SealedDelivery, UserKeys } from "../../port.ts";
import { fileSchema } from "../exchange/file-schema.ts";
import { masterKeyOf } from "../exchange/identity.ts";
import { parseContent } from "../exchange/room-keys.ts";
import { userIds } from "../exchange/user-ids.ts";
import { attempt, commit, type MachineContext, type Step } from "../store/context.ts";
import { Outbox, type OutboxKey } from "./outbox.ts";

type SealedDevice = Extract<SealedDelivery, { identity: "pinned" }>["devices"][number];

export async function userKeys(context: MachineContext, users: readonly string[]): Promise<readonly UserKeys[]> {
    return await inTurn(users, (userId) => keysOf(context, userId));
}

async function keysOf(context: MachineContext, userId: string): Promise<UserKeys> {
    const { masterKey, devices } = await knownOf(context, userId);
    return {
        masterKey,
        devices: devices.map((device) => ({
            deviceId: device.deviceId.toString(),
            crossSigned: device.isCrossSignedByOwner(),
            dehydrated: device.isDehydrated,
        })),
    };
}

/**
 * Devices that one step encrypts for: some 50 ms. Who has more, or many at once, leave others their turn in between.
 */
const devicesAStep = 50;

interface Sealing {
    readonly delivery: BundleDelivery;
    readonly content: object;
    /** What earlier steps have come to. */
    readonly devices: Map<string, SealedDevice>;
    sealed: SealedDelivery | undefined;
}

/**
 * The pin check and the encryption are one step of the queue: no `/keys/query` can change an identity in between, and
 * one that changed between two steps leaves nothing to be sent. The machine itself would encrypt to a changed identity
 * without a word.
 * @throws if a `file` lacks a field; nothing was encrypted then
 */
export async function sealBundles(
    step: Step,
    deliveries: readonly BundleDelivery[],
): Promise<readonly SealedDelivery[]> {
    const sealings = deliveries.map((delivery): Sealing => {
        const content = { room_id: delivery.roomId, file: fileSchema.parse(delivery.file) };
        return { delivery, content, devices: new Map(), sealed: undefined };
    });
    const isLeft = ({ sealed }: Sealing): boolean => sealed === undefined;
    while (sealings.some(isLeft)) await step((context) => sealSome(context, sealings.filter(isLeft)));
    return sealings.flatMap(({ sealed }) => sealed ?? []);
}

async function sealSome(context: MachineContext, sealings: readonly Sealing[]): Promise<void> {
    // 1. Whose keys are these, and for which devices is there room in this step?
    const plans: Plan[] = [];
    for (let room = devicesAStep; room > 0 && plans.length < sealings.length;) {
        const sealing = sealings[plans.length];
        if (sealing === undefined) break;
        const planned = await plan(context, sealing, room);
        plans.push(planned);
        room -= planned.devices.length;
    }
    // 2. One commit: each device's ratchet and the body that it made.
    await commit(context, async (sql) => {
        for (const planned of plans) await seal(context, sql, planned);
    });
}

export async function deliveriesSent(context: MachineContext, deliveryIds: readonly string[]): Promise<void> {
    await commit(context, (sql) => {
        const outbox = new Outbox(sql, context.seal);
        for (const deliveryId of deliveryIds) outbox.forget(deliveryId);
    });
}

export async function unsentDeliveries(context: MachineContext): Promise<readonly string[]> {
    return await commit(context, (sql) => new Outbox(sql, context.seal).deliveries());
}

interface Plan {
    readonly sealing: Sealing;
    readonly masterKey: string | null;
    /** Of those that are left. */
    readonly devices: readonly Device[];
    /** There are none but these. */
    readonly whole: boolean;
}

async function plan(context: MachineContext, sealing: Sealing, room: number): Promise<Plan> {
    const { userId, deviceIds } = sealing.delivery;
    const { masterKey, devices: known } = await knownOf(context, userId);
    const wanted = (device: Device): boolean => {
        const deviceId = device.deviceId.toString();
        return (
            !device.isDehydrated &&
            !sealing.devices.has(deviceId) &&
            (deviceIds === undefined || deviceIds.includes(deviceId))
        );
    };
    const devices = known.filter(wanted);
    return { sealing, masterKey, devices: devices.slice(0, room), whole: devices.length <= room };
}

async function seal(
    context: MachineContext,
    sql: DatabaseSync,
    { sealing, masterKey, devices, whole }: Plan,
): Promise<void> {
    const { delivery, content } = sealing;
    if (masterKey !== delivery.pinnedMasterKey) {
        sealing.sealed = masterKey === null ? { identity: "none" } : { identity: "changed", masterKey };
        return;
    }
    for (const device of devices) {
        const sealed = await sealFor(context, sql, device, delivery, content);
        sealing.devices.set(sealed.deviceId, sealed);
    }
    if (whole) sealing.sealed = { identity: "pinned", devices: [...sealing.devices.values()] };
}

async function inTurn<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<readonly R[]> {
    const results: R[] = [];
    for (const item of items) results.push(await work(item));
    return results;
}

async function sealFor(
    context: MachineContext,
    sql: DatabaseSync,
    device: Device,
    delivery: BundleDelivery,
    content: object,
): Promise<SealedDevice> {
    const deviceId = device.deviceId.toString();
    if (!device.isCrossSignedByOwner()) return { deviceId, state: "not_cross_signed" };
    const outbox = new Outbox(sql, context.seal);
    const key: OutboxKey = {
        deliveryId: delivery.deliveryId,
        deviceId,
        deviceKey: device.curve25519Key?.toBase64() ?? "",
        fingerprint: fingerprint(delivery.userId, content),
    };
    const kept = outbox.find(key);
    if (kept !== undefined) return { deviceId, state: "sealed", content: parseContent(kept) };
    const strategy = CollectStrategy.identityBasedStrategy();
    const encrypted = await attempt(() => device.encryptToDeviceEvent("m.room_key_bundle", content, strategy));
    if (!encrypted.ok) return { deviceId, state: refusalState(context, encrypted.error) };
    outbox.keep(key, encrypted.value);
    return { deviceId, state: "sealed", content: parseContent(encrypted.value) };
}

/** What the machine knows of a user. One whose ID it refuses has nothing, and is nobody else's fault. */
async function knownOf({ machine, log }: MachineContext, userId: string): Promise<Pick<Plan, "masterKey" | "devices">> {
    const [user] = userIds([userId], log);
    if (user === undefined) return { masterKey: null, devices: [] };
    const masterKey = masterKeyOf(await machine.getIdentity(user));
    const devices = (await machine.getUserDevices(user)).devices();
    return { masterKey, devices: devices.filter((device) => !device.isDeleted()) };
}

/** What was sealed: a body is only given out again for the very same user, room and file. */
function fingerprint(userId: string, content: object): string {
    return createHash("sha256")
        .update(JSON.stringify([userId, content]))
        .digest("base64");
}

/**
 * The machine has no codes for these. "withheld" is its own check of the signatures, which says no where ours did not.
 */
function refusalState({ log }: MachineContext, error: unknown): "no_session" | "not_cross_signed" | "error" {
    const message = String(error);
    if (/withheld/i.test(message)) return "not_cross_signed";
    if (/olm session/i.test(message)) return "no_session";
    log.warn({ operation: "seal_bundle", error: message }, "a device could not be encrypted to");
    return "error";
}
