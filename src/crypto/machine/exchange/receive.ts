import type { DatabaseSync } from "node:sqlite";
import {
    DecryptionSettings,
    DecryptedToDeviceEvent,
    DeviceLists,
    TrustRequirement,
} from "@matrix-org/matrix-sdk-crypto-wasm";
import type { CryptoChanges } from "../../../matrix/index.ts";
import type { Received } from "../../port.ts";
import { type Attempt, attempt, commit, type MachineContext, type Step, unwrap } from "../store/context.ts";
import { readOffers, storeOffers } from "./bundle-offers.ts";
import { CopiesMet, drainFeed, newsOf } from "./feed.ts";
import { withFewOlmSessions } from "./olm-sessions.ts";
import { readRefusals, storeRefusals } from "./refusals.ts";
import { noteBundles } from "./sharing-signs.ts";
import { readClaims, siftToDevice } from "./to-device.ts";
import { trackedUsers } from "./tracked-users.ts";
import { type RoomNews, UnknownRooms } from "./unknown-rooms.ts";
import { userIds } from "./user-ids.ts";
import { readVerificationRequests } from "./verification-requests.ts";

/** Events of one step: what starts an Olm session takes some 10 ms, and homeservers may hand over any number. */
const eventsOfAStep = 100;

/**
 * The crypto part of a sync batch, in steps. What is repeated after a kill in between was decrypted, and is on disk.
 */
export async function receiveBatch(step: Step, changes: CryptoChanges): Promise<Received> {
    const { toDevice } = changes;
    const all: Received[] = [];
    let next = changes;
    do {
        const first = all.length * eventsOfAStep;
        all.push(await receiveStep(step, { ...next, toDevice: toDevice.slice(first, first + eventsOfAStep) }));
        next = onlyEvents(changes);
    } while (all.length * eventsOfAStep < toDevice.length);
    return together(all);
}

/** Where two senders' copies of one session would meet in the machine, each event is a commit of its own. */
async function receiveStep(step: Step, changes: CryptoChanges): Promise<Received> {
    try {
        return await step((context) => receive(context, changes));
    } catch (error) {
        if (!(error instanceof CopiesMet)) throw error;
    }
    const all: Received[] = [];
    for (const [index, event] of changes.toDevice.entries())
        all.push(
            await step((context) =>
                receive(context, { ...(index === 0 ? changes : onlyEvents(changes)), toDevice: [event] }),
            ),
        );
    return together(all);
}

function onlyEvents(changes: CryptoChanges): CryptoChanges {
    return { ...changes, deviceLists: { changed: [], left: [] }, fromStart: false };
}

function together(all: readonly Received[]): Received {
    return {
        rooms: [...new Set(all.flatMap(({ rooms }) => rooms))],
        reachedMachine: all.some(({ reachedMachine }) => reachedMachine),
        verificationRequests: all.flatMap(({ verificationRequests }) => verificationRequests),
        unreadableKeysOf: all.flatMap(({ unreadableKeysOf }) => unreadableKeysOf),
    };
}

/**
 * What came together, as one commit: ratchets, what the decrypted events say of their sessions, and the sessions
 * themselves. They belong together because a replayed event can never be decrypted again. A batch without news does not
 * reach the machine, which writes its whole account for each.
 */
async function receive(context: MachineContext, changes: CryptoChanges): Promise<Received> {
    const { memory, log, machine } = context;
    const events = siftToDevice(changes.toDevice, context.userId);
    if (events.refused > 0)
        log.warn({ operation: "receive", refused: events.refused }, "left out malformed to-device events");
    const changed = await tracked(context, changes.deviceLists.changed);
    const left = await tracked(context, changes.deviceLists.left);
    const counts = keyCounts(changes);
    const fallback = changes.unusedFallbackKeyTypes && new Set(changes.unusedFallbackKeyTypes);
    const news = JSON.stringify([[...counts], fallback && [...fallback]]);
    if (
        events.taken.length === 0 &&
        changed.length === 0 &&
        left.length === 0 &&
        memory.keyCounts === news &&
        changes.fromStart !== true
    )
        return { rooms: [], reachedMachine: false, verificationRequests: [], unreadableKeysOf: [] };

    const outcome = await commit(
        context,
        async (sql): Promise<Attempt<Omit<Received, "reachedMachine" | "unreadableKeysOf">>> => {
            const settings = new DecryptionSettings(TrustRequirement.Untrusted);
            const lists = new DeviceLists(userIds(changed, log), userIds(left, log));
            // Without a token nobody tells whose devices changed meanwhile: everybody's are asked for again.
            if (changes.fromStart === true) await distrustDeviceLists(context);
            const processed = await withFewOlmSessions(context, events.taken.length, () =>
                attempt(() => machine.receiveSyncChanges(events.json, lists, counts, fallback, settings)),
            );
            if (!processed.ok) return processed;
            const verificationRequests = readVerificationRequests(events.taken, processed.value, context.userId);
            const rooms = await takeNews(context, sql, { ...changes, toDevice: events.taken }, processed.value);
            // What the machine keeps of what it was sent would stay for good.
            if (events.taken.length > 0) await context.sessions.empty();
            return { ok: true, value: { rooms, verificationRequests } };
        },
    );
    const received = unwrap(outcome);
    memory.keyCounts = news;
    for (const userId of changed) memory.awaitingQuery.add(userId);
    return { ...received, reachedMachine: true, unreadableKeysOf: memory.unreadableKeys.take() };
}

/** Stores what was said of rooms' sessions, in the caller's transaction; answers the rooms. */
async function takeNews(
    context: MachineContext,
    sql: DatabaseSync,
    { toDevice, rooms }: CryptoChanges,
    processed: readonly object[],
): Promise<readonly string[]> {
    const now = Date.now();
    const [refusals, offers, claims] = [readRefusals(toDevice), readOffers(processed), readClaims(processed, now)];
    const refusal = (one: Omit<RoomNews, "kind">): RoomNews => ({ ...one, kind: "refusal" });
    const announcement = (one: Omit<RoomNews, "kind">): RoomNews => ({ ...one, kind: "bundle" });
    const news = [...refusals.map(refusal), ...offers.map(announcement), ...[...claims.values()].map(newsOf)];
    const isKept = new UnknownRooms(context, sql).admit(news, rooms);
    const refused = storeRefusals(
        sql,
        refusals.filter((one) => isKept(refusal(one))),
    );
    if (!processed.some((event) => event instanceof DecryptedToDeviceEvent)) return refused;
    const announced = offers.filter((one) => isKept(announcement(one)));
    const offered = storeOffers(sql, context.seal, announced, now);
    noteBundles(sql, announced, now);
    const fed = await drainFeed(context, sql, claims, isKept);
    return [...fed, ...refused, ...offered];
}

/**
 * Synapse tells of invitees' devices, too, of whom the machine keeps no list: who is invited is asked about when it
 * matters.
 */
async function tracked(context: MachineContext, ids: readonly string[]): Promise<readonly string[]> {
    if (ids.length === 0) return [];
    const users = await trackedUsers(context);
    return ids.filter((userId) => users.has(userId));
}

async function distrustDeviceLists({ machine, memory }: MachineContext): Promise<void> {
    await machine.markAllTrackedUsersAsDirty();
    for (const userId of await machine.trackedUsers()) memory.awaitingQuery.add(userId.toString());
}

function keyCounts(changes: CryptoChanges): Map<string, number> {
    const valid = Object.entries(changes.oneTimeKeyCounts).filter(
        ([, count]) => Number.isSafeInteger(count) && count >= 0,
    );
    return new Map(valid.map(([algorithm, count]) => [algorithm, Math.min(count, 0xffff_ffff)]));
}
