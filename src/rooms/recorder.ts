import type { Database } from "../database/index.ts";
import {
    hasWholeState,
    type HistoryVisibility,
    type JoinedRoomChanges,
    parseMember,
    parseTombstone,
    type RoomEvent,
    stateInOrder,
    type StrippedEvent,
    type SyncBatch,
} from "../matrix/index.ts";
import type { GrowingChanges, MembershipChange, RoomChanges, Successor } from "./changes.ts";
import { InvitationKeeper } from "./invitation-keeper.ts";
import { type MemberPast, pastWith } from "./member-past.ts";
import { type KeptMember, MemberTable } from "./member-table.ts";
import { openSince, type VisibilityCourse } from "./open-since.ts";
import { visibilityOf } from "./room-reader.ts";
import { RoomTable } from "./room-table.ts";
import { rotatesOnMembership, rotatesOnVisibility } from "./rotation.ts";
import { isRenaming, standing } from "./standing.ts";
import { type KeptType, keptTypes, StateTable } from "./state-table.ts";

export interface RecorderParts {
    /** Opened with `roomsSchema`. */
    readonly database: Database;
    /** The bot's own user ID. */
    readonly userId: string;
    /** When the last batch was recorded; undefined before the first. Milliseconds since the epoch, as `now`. */
    readonly lastBatchAt: () => number | undefined;
    readonly now: () => number;
}

/** How one room's part of a batch is read. */
interface Reading {
    readonly roomId: string;
    readonly limited: boolean;
    readonly previously: ReadonlyMap<string, KeptMember>;
    readonly memberships: MembershipChange[];
    /** The state is seen whole, or for the first time. */
    readonly restart: boolean;
    readonly foundAtJoin: boolean;
    readonly successors: GrowingChanges["successors"];
    /** The history visibilities that were set, in order. */
    readonly visibilities: (HistoryVisibility | "unknown")[];
}

/** Writes the room part of a sync batch into the rooms tables. */
export class RoomRecorder {
    readonly #parts: RecorderParts;
    readonly #rooms: RoomTable;
    readonly #state: StateTable;
    readonly #members: MemberTable;
    readonly #invitations: InvitationKeeper;

    constructor(parts: RecorderParts) {
        this.#parts = parts;
        this.#rooms = new RoomTable(parts.database);
        this.#state = new StateTable(parts.database);
        this.#members = new MemberTable(parts.database);
        this.#invitations = new InvitationKeeper(parts.database, parts);
    }

    /**
     * Stores state in the order in which it came into force (state block, timeline, state after the timeline) and sets
     * rotation marks. Belongs inside the transaction that moves the sync token; recording a batch twice changes nothing
     * the second time.
     * @returns what changed
     */
    record(batch: SyncBatch): RoomChanges {
        const changes: GrowingChanges = {
            memberships: [],
            selfJoined: [],
            selfLeft: [],
            selfInvited: [],
            successors: new Map(),
        };
        for (const [roomId, room] of batch.joined) this.#recordJoined(roomId, room, batch.since === undefined, changes);
        for (const [roomId, room] of batch.left) this.#recordLeft(roomId, room, changes);
        for (const [roomId, state] of batch.invited) this.#recordInvited(roomId, state, changes);
        if (batch.everyRoom === true) this.#recordAbsent(batch, changes);
        for (const successor of changes.successors.values()) this.#follow(successor);
        return {
            ...changes,
            successors: [...changes.successors.values()],
            invites: changes.memberships.filter(({ membership }) => membership === "invite"),
        };
    }

    /** One successor for each room: whoever may write tombstones is not to lead the bot into any number of rooms. */
    #follow(successor: Successor): void {
        if (this.#state.isSucceeded(successor.roomId)) return;
        this.#invitations.follow(successor, this.#rooms.get(successor.successor)?.membership);
    }

    #recordJoined(roomId: string, room: JoinedRoomChanges, firstSync: boolean, changes: GrowingChanges): void {
        const before = this.#rooms.get(roomId)?.membership;
        const wasJoined = before === "join";
        const invite = before === "invite" ? this.#invitations.invite(roomId) : undefined;
        // We (re)joined: what we knew before is void.
        const whole = hasWholeState(room);
        const restart = whole || !wasJoined;
        this.#rooms.setMembership(roomId, "join");
        const visibilityEvent = this.#visibilityEvent(roomId);
        const previously = restart ? this.#forgetState(roomId) : new Map<string, KeptMember>();
        if (restart) this.#rooms.setWhole(roomId, whole);

        const memberships: MembershipChange[] = [];
        const visibilities: Reading["visibilities"] = [];
        const { limited } = room;
        const { successors } = changes;
        this.#apply(room, {
            roomId,
            limited,
            previously,
            memberships,
            restart,
            foundAtJoin: !wasJoined,
            successors,
            visibilities,
        });
        const sameEvent = this.#visibilityEvent(roomId) === visibilityEvent;
        this.#followVisibility(roomId, { set: visibilities, gapless: !limited && !restart, sameEvent });
        for (const change of restart ? standing(memberships, previously) : memberships)
            changes.memberships.push(change);

        if (restart) this.#rooms.markRotation(roomId);
        const stays = this.#invitations.joined(roomId, whole ? this.#state.get(roomId, "m.room.create") : undefined);
        if (wasJoined) return;
        this.#rooms.setJoinedAt(roomId, this.#parts.now());
        if (stays)
            changes.selfJoined.push({ roomId, firstSync, inviter: invite?.sender, invitedAfter: invite?.madeAfter });
    }

    #recordLeft(roomId: string, room: JoinedRoomChanges, changes: GrowingChanges): void {
        const wasJoined = this.#rooms.get(roomId)?.membership === "join";
        this.#rooms.setMembership(roomId, "leave");
        // A tombstone that came with our own leaving is not followed: nothing there is ours to follow any more.
        const reading = {
            roomId,
            limited: room.limited,
            previously: new Map<string, KeptMember>(),
            restart: false,
            foundAtJoin: false,
            successors: new Map(),
            visibilities: [],
        };
        this.#apply(room, { ...reading, memberships: changes.memberships });
        const own = stateInOrder(room).findLast(
            ({ type, stateKey }) => type === "m.room.member" && stateKey === this.#parts.userId,
        );
        const membership = own !== undefined && parseMember(own.content)?.membership === "ban" ? "ban" : "leave";
        this.#rooms.setMembership(roomId, membership);
        this.#rooms.markRotation(roomId);
        this.#invitations.left(roomId);
        if (wasJoined) changes.selfLeft.push({ roomId, membership, sender: own?.sender });
    }

    /** A whole answer does not name rooms that we left, or invites that were taken back, while nobody told us. */
    #recordAbsent(batch: SyncBatch, changes: GrowingChanges): void {
        const nothing = { limited: false, prevBatch: undefined, state: [], timeline: [] };
        for (const { roomId } of this.#rooms.present())
            if (!batch.joined.has(roomId) && !batch.invited.has(roomId)) this.#recordLeft(roomId, nothing, changes);
    }

    #recordInvited(roomId: string, state: readonly StrippedEvent[], changes: GrowingChanges): void {
        const own = state.findLast(({ type, stateKey }) => type === "m.room.member" && stateKey === this.#parts.userId);
        const member = own === undefined ? undefined : parseMember(own.content);
        if (own === undefined || member?.membership !== "invite") return;
        // Thrown out and invited again between two batches: only the invite shows.
        if (this.#rooms.get(roomId)?.membership === "join")
            changes.selfLeft.push({ roomId, membership: "leave", sender: undefined });
        this.#rooms.setMembership(roomId, "invite");
        this.#invitations.invited(roomId, own.sender);
        changes.selfInvited.push({ roomId, inviter: own.sender, isDirect: member.isDirect });
    }

    /** Drops what an earlier stay left, and answers the members of that time. */
    #forgetState(roomId: string): ReadonlyMap<string, KeptMember> {
        const members = new Map(this.#members.inRoom(roomId).map((kept) => [kept.member.userId, kept]));
        this.#members.deleteRoom(roomId);
        this.#state.deleteRoom(roomId);
        return members;
    }

    #apply(room: JoinedRoomChanges, reading: Reading): void {
        for (const event of stateInOrder(room)) {
            if (event.type === "m.room.member") this.#applyMember(event, reading);
            else if (event.stateKey === "") this.#applyState(event, reading);
        }
        for (const { type, stateKey } of room.unreadable ?? []) {
            if (type === "m.room.member") this.#memberUnknown(stateKey, reading);
            else if (stateKey === "") this.#stateUnknown(type, reading);
        }
    }

    #visibilityEvent(roomId: string): string | undefined {
        return this.#state.get(roomId, "m.room.history_visibility")?.eventId;
    }

    #followVisibility(roomId: string, course: Pick<VisibilityCourse, "set" | "gapless" | "sameEvent">): void {
        const room = this.#rooms.get(roomId);
        if (room === undefined) return;
        const visibility = visibilityOf(this.#state, room);
        const since = openSince({ ...course, openSince: room.openSince, visibility }, this.#parts.now());
        if (since !== room.openSince) this.#rooms.setOpenSince(roomId, since);
    }

    #applyMember(event: RoomEvent, reading: Reading): void {
        const { roomId } = reading;
        const userId = event.stateKey;
        const parsed = parseMember(event.content);
        if (userId === undefined || userId === "" || parsed === undefined) return;
        const before = this.#members.kept(roomId, userId) ?? reading.previously.get(userId);
        const previous = before?.member;
        const { eventId, sender, originServerTs: at } = event;
        const member = { userId, eventId, sender, ...parsed };
        const past =
            previous?.eventId === eventId && before !== undefined
                ? before.past
                : this.#pastWith(event, member, before, reading);
        this.#members.put(roomId, { member, past });
        // In a whole state the last word counts (`standing`), not the way to it.
        if (previous?.eventId === eventId && !reading.restart) return;
        if (rotatesOnMembership(parsed.membership, reading.limited)) this.#rooms.markRotation(roomId);
        if (userId === this.#parts.userId || (isRenaming(parsed.membership, previous) && !reading.restart)) return;
        const wasMember = before?.past.wasMember ?? "unknown";
        reading.memberships.push({
            roomId,
            ...member,
            at,
            previous,
            wasMember,
            foundAtJoin: reading.foundAtJoin,
            event,
        });
    }

    #pastWith(
        event: RoomEvent,
        member: Pick<MembershipChange, "membership" | "sender" | "userId">,
        before: KeptMember | undefined,
        { roomId, limited, restart }: Reading,
    ): MemberPast {
        const { replacesState, replaced } = event;
        const isWhole = this.#rooms.get(roomId)?.whole === true;
        const nothingMissed = !limited && !restart && (before !== undefined || isWhole);
        return pastWith({
            membership: member.membership,
            byThemselves: member.sender === member.userId,
            replaced: replaced === undefined ? undefined : parseMember(replaced.content)?.membership,
            before: before === undefined ? undefined : { membership: before.member.membership, past: before.past },
            follows: replacesState === undefined ? nothingMissed : replacesState === before?.member.eventId,
        });
    }

    /** They may have left, or been thrown out. */
    #memberUnknown(userId: string, { roomId }: Reading): void {
        if (userId === "") return;
        const before = this.#members.kept(roomId, userId);
        const wasMember = before?.member.membership === "join" || before?.past.wasMember === "yes" ? "yes" : "unknown";
        this.#members.put(roomId, {
            member: { userId, membership: "unknown", eventId: "", sender: "", isDirect: false },
            past: { wasMember, removed: before?.past.removed ?? false },
        });
        this.#rooms.markRotation(roomId);
    }

    #applyState(event: RoomEvent, reading: Reading): void {
        const { roomId } = reading;
        const type = keptType(event.type);
        if (type === undefined || this.#state.get(roomId, type)?.eventId === event.eventId) return;
        this.#changeState(type, reading, () => this.#state.put(roomId, type, event));
        const successor = type === "m.room.tombstone" ? parseTombstone(event.content) : undefined;
        if (successor !== undefined && successor !== roomId)
            reading.successors.set(roomId, { roomId, successor, sender: event.sender });
    }

    #stateUnknown(eventType: string, reading: Reading): void {
        const type = keptType(eventType);
        if (type !== undefined) this.#changeState(type, reading, () => this.#state.putUnreadable(reading.roomId, type));
    }

    #changeState(type: KeptType, { roomId, visibilities }: Reading, change: () => void): void {
        const room = { roomId, whole: this.#rooms.get(roomId)?.whole ?? false };
        const before = visibilityOf(this.#state, room);
        change();
        const visibility = visibilityOf(this.#state, room);
        if (type === "m.room.history_visibility") visibilities.push(visibility);
        if (rotatesOnVisibility(before, visibility)) this.#rooms.markRotation(roomId);
        // Whatever its content says: a malformed or redacted one must not make the room a plain one.
        if (type === "m.room.encryption") this.#rooms.setEncrypted(roomId);
    }
}

function keptType(type: string): KeptType | undefined {
    return keptTypes.find((kept) => kept === type);
}
