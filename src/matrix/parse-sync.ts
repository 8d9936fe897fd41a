import { z } from "zod";
import type { RoomEvent, StrippedEvent } from "./events.ts";
import { deepest, entriesOf, isIdentifier, isObject, isShallow, jsonObject } from "./json.ts";
import { parseRoomEvent, parseStrippedEvent } from "./parse-event.ts";
import type { CryptoChanges, JoinedRoomChanges, SyncBatch } from "./sync-batch.ts";
import { LastWords } from "./unreadable-state.ts";

const longestToken = 65_536;

/**
 * The answer of `/sync` as a whole is not what the specification says: nothing of it can be used, the token included.
 */
export class MalformedSync extends Error {
    constructor(detail: string) {
        super(`the answer of /sync is malformed: ${detail}`);
        this.name = "MalformedSync";
    }
}

/** A part of a batch that was left out because it is malformed. */
export interface DroppedPart {
    /** Where it stood, such as `rooms.join.timeline`. */
    readonly place: string;
    readonly roomId: string | undefined;
}

export type OnDrop = (drop: DroppedPart) => void;

const token = z.string().min(1).max(longestToken);
const eventList = z.object({ events: z.array(z.unknown()).optional() });

/**
 * Checks one answer of `/sync`. What is malformed inside is left out, told to `onDrop`, and never takes the batch with
 * it.
 * @param since the token that the answer was asked with
 * @throws MalformedSync if the answer is no object or has no usable `next_batch`
 */
export function parseSyncBatch(raw: unknown, since: string | undefined, onDrop: OnDrop = () => {}): SyncBatch {
    if (!isObject(raw)) throw new MalformedSync("it is not a JSON object");
    const nextBatch = token.safeParse(raw["next_batch"]);
    if (!nextBatch.success) throw new MalformedSync("next_batch is not a token");
    let everyRoom = since === undefined;
    const onRoomsDrop: OnDrop = (drop) => {
        everyRoom = false;
        onDrop(drop);
    };
    // What stands inside a room is other servers' word, and says nothing of which rooms there are.
    const inside =
        <T>(parse: ParseRoom<T>): ParseRoom<T> =>
        (room, place, roomId) =>
            parse(room, place, roomId, onDrop);
    const rooms = section(raw["rooms"], "rooms", onRoomsDrop);
    const joined = parseRooms(rooms["join"], "rooms.join", onRoomsDrop, inside(parseRoomChanges));
    const invited = parseRooms(rooms["invite"], "rooms.invite", onRoomsDrop, inside(parseInvite));
    const ours = { rooms: [...joined.keys(), ...invited.keys()] };
    const batch = {
        since,
        nextBatch: nextBatch.data,
        crypto: { ...parseCrypto(raw, onDrop), ...ours, ...(since === undefined ? { fromStart: true } : {}) },
        joined,
        invited,
        left: parseRooms(rooms["leave"], "rooms.leave", onRoomsDrop, inside(parseRoomChanges)),
    };
    return everyRoom ? { ...batch, everyRoom } : batch;
}

function parseCrypto(raw: Record<string, unknown>, onDrop: OnDrop): CryptoChanges {
    const lists = section(raw["device_lists"], "device_lists", onDrop);
    const fallback = raw["device_unused_fallback_key_types"];
    return {
        toDevice: events(raw["to_device"], "to_device", undefined, onDrop, parseToDevice),
        deviceLists: { changed: identifiers(lists["changed"]), left: identifiers(lists["left"]) },
        oneTimeKeyCounts: keyCounts(raw["device_one_time_keys_count"]),
        unusedFallbackKeyTypes: Array.isArray(fallback) ? identifiers(fallback) : undefined,
    };
}

/** As it came: the OlmMachine reads it. */
function parseToDevice(event: unknown): unknown {
    return isObject(event) && isShallow(event, deepest) ? event : undefined;
}

/** Made of entries: a key such as `__proto__` becomes a key of its own. */
function keyCounts(raw: unknown): Readonly<Record<string, number>> {
    const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) >= 0;
    return Object.fromEntries(
        entriesOf(raw).flatMap(([algorithm, count]) =>
            isIdentifier(algorithm) && isCount(count) ? [[algorithm, count]] : [],
        ),
    );
}

type ParseRoom<T> = (raw: Record<string, unknown>, place: string, roomId: string, onDrop: OnDrop) => T;

function parseRooms<T>(raw: unknown, place: string, onDrop: OnDrop, parse: ParseRoom<T>): ReadonlyMap<string, T> {
    const rooms = new Map<string, T>();
    for (const [roomId, room] of Object.entries(section(raw, place, onDrop))) {
        if (roomId.startsWith("!") && isIdentifier(roomId) && isObject(room))
            rooms.set(roomId, parse(room, place, roomId, onDrop));
        else onDrop({ place, roomId: isIdentifier(roomId) ? roomId : undefined });
    }
    return rooms;
}

function parseRoomChanges(
    raw: Record<string, unknown>,
    place: string,
    roomId: string,
    onDrop: OnDrop,
): JoinedRoomChanges {
    const lastWords = new LastWords();
    const list = (part: unknown, name: string, isState: boolean): readonly RoomEvent[] =>
        events(part, `${place}.${name}`, roomId, onDrop, (raw) => {
            const event = parseRoomEvent(raw);
            lastWords.note(raw, event, isState);
            return event;
        });
    const timeline = isObject(raw["timeline"]) ? raw["timeline"] : {};
    const limited = timeline["limited"];
    const stateAfter = raw["state_after"];
    const changes = {
        // Whatever is not a plain no is taken for a gap.
        limited: isObject(raw["timeline"] ?? {}) ? limited !== undefined && limited !== false : true,
        prevBatch: token.safeParse(timeline["prev_batch"]).data,
        state: list(raw["state"], "state", true).filter(({ stateKey }) => stateKey !== undefined),
        timeline: list(raw["timeline"], "timeline", false),
        ...(stateAfter === undefined
            ? {}
            : { stateAfter: list(stateAfter, "state_after", true).filter(({ stateKey }) => stateKey !== undefined) }),
    };
    const { unreadable } = lastWords;
    return unreadable.length === 0 ? changes : { ...changes, unreadable };
}

function parseInvite(
    raw: Record<string, unknown>,
    place: string,
    roomId: string,
    onDrop: OnDrop,
): readonly StrippedEvent[] {
    return events(raw["invite_state"], `${place}.invite_state`, roomId, onDrop, parseStrippedEvent);
}

function events<T>(
    raw: unknown,
    place: string,
    roomId: string | undefined,
    onDrop: OnDrop,
    parse: (event: unknown) => T | undefined,
): T[] {
    if (raw === undefined) return [];
    const list = eventList.safeParse(raw);
    if (!list.success) onDrop({ place, roomId });
    return (list.data?.events ?? []).flatMap((event) => {
        const parsed = parse(event);
        if (parsed !== undefined) return [parsed];
        onDrop({ place, roomId });
        return [];
    });
}

function section(raw: unknown, place: string, onDrop: OnDrop): Record<string, unknown> {
    if (raw === undefined) return {};
    const { success, data } = jsonObject.safeParse(raw);
    if (!success) onDrop({ place, roomId: undefined });
    return data ?? {};
}

function identifiers(raw: unknown): readonly string[] {
    return Array.isArray(raw) ? raw.filter(isIdentifier) : [];
}
