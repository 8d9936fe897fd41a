import { blobOf, numberOf, numberOrNothing, textOf, wordOf } from "../../database/index.ts";
import type { RoomBundles } from "../bundle/room-bundles.ts";
import { HomeserverError } from "../../homeserver/index.ts";
import { givenBy } from "../ledger/audit.ts";
import { hasSignedDevice, opensBundles } from "../../crypto/index.ts";
import { isToInvite, type Job } from "../ledger/job.ts";
import { type Refresh, Refreshes } from "../ledger/refreshes.ts";
import { chapters } from "../ledger/reasons.ts";
import { isOpen, type JobState, moves, states } from "../ledger/states.ts";
import { reasonsOf } from "../ledger/steps.ts";
import { decide } from "../policy/decide.ts";
import { gatherFacts } from "../policy/facts.ts";
import { inviteStands } from "../policy/invite-stands.ts";
import { repeatedInvite } from "../reinvite/reinvite-mark.ts";
import { day, inviters, minute } from "./life.ts";
import { bot, charlie, roomId } from "./room.ts";
import { type World } from "./world.ts";

const hour = 60 * minute;
const longAgo = 0;
/** Milliseconds after which a room is refreshed when keys come after a silence. */
const soon = 200;
/** Milliseconds; what is due within them is not put off for keys that come. */
const atHand = 2_000;
const double = "@carol:home";

interface Keys {
    /** The first of those that a refresh waits for, and the last. */
    readonly first: number;
    readonly last: number;
    /** They came after a silence. */
    readonly afterSilence: boolean;
    readonly refreshFrom: number;
    readonly refreshed: boolean;
}

/**
 * What must hold whatever happens, checked as each request arrives, after each moment, and at the end. What did not
 * hold is in `broken`.
 */
export class Rules {
    readonly broken: string[] = [];
    readonly #world: World;
    readonly #reinvited = new Map<string, number>();
    /** Who waits for the room's bundle at this moment. */
    readonly #asking = { refresher: 0, others: 0 };
    /** Keys that came for those who were served; `refreshFrom`: when a refresh may begin. */
    #keys: Keys | undefined;
    #onItsWay: readonly { readonly jobId: number; readonly deviceId: string }[] = [];
    /** Every copy that the homeserver took. */
    readonly #given: { readonly jobId: number; readonly deviceId: string }[] = [];
    #pausedAtPut = false;
    #signedAtPut = true;
    /** Who was known to have been kicked or banned when the bot's own invite left it. */
    #removedAtPut: readonly string[] = [];
    /** When the bot repeated a marked invite of a bot that it does not know, by `ShareClock`. */
    #markedAt: number | undefined;

    constructor(world: World) {
        this.#world = world;
        world.onSend = (txnId) => this.#send(txnId);
        world.onCall = (call) => this.#call(call);
        world.beforePut = () => {
            // To take an invite back is allowed in a pause.
            this.#pausedAtPut = world.pauses.covers(roomId);
            this.#signedAtPut = world.crossSigned;
            this.#removedAtPut = Object.values(inviters).filter((userId) => world.standings.get(userId) === "removed");
        };
    }

    jobs(): readonly Job[] {
        const ids = this.#world.database.sql.prepare("SELECT id FROM share_jobs ORDER BY id").all();
        return ids.flatMap((row) => this.#world.jobs.get(numberOf(row, "id")) ?? []);
    }

    /** The same bundles, of which it is known who asks for them. */
    watched(bundles: RoomBundles, asker: "refresher" | "others"): Pick<RoomBundles, "current" | "newest"> {
        return {
            newest: (room) => bundles.newest(room),
            current: async (room) => {
                this.#asking[asker] += 1;
                try {
                    return await bundles.current(room);
                } finally {
                    this.#asking[asker] -= 1;
                }
            },
        };
    }

    /** Soon after a silence; in a series, when it rests. What is due as soon as that stays so. */
    keysCome(): void {
        const now = this.#world.clock.now();
        if (!this.#isSomebodyServed()) return;
        const before = this.#keys?.refreshed === false ? this.#keys : undefined;
        const first = Math.min(before?.first ?? now, now);
        const afterSilence = this.#keys === undefined || now < this.#keys.last || now - this.#keys.last >= 20_000;
        const rests = afterSilence ? now + soon : Math.min(now + 20_000, first + 120_000);
        const refreshFrom =
            before !== undefined && before.refreshFrom <= now + atHand ? Math.min(before.refreshFrom, rests) : rests;
        this.#keys = { first, last: now, refreshFrom, afterSilence, refreshed: false };
    }

    /** After they have been noted: nobody waits for them longer, unless the homeserver wants to be left alone. */
    keysNoted(refreshes: Refreshes): void {
        const now = this.#world.clock.now();
        if (!this.#isSomebodyServed() || this.#keys === undefined) return;
        const wait = Math.max(this.#keys.afterSilence ? soon : 20_000, this.#isRefused() ? 6_000 : 0);
        if (refreshes.due(now + wait).length === 0) this.broken.push(`keys that came wait for more than ${wait} ms`);
    }

    /** A refresh is begun. */
    refreshDue(): void {
        if (this.#world.clock.now() < (this.#keys?.refreshFrom ?? longAgo))
            this.broken.push("a refresh began before the keys had come to rest");
    }

    refreshMade(): void {
        // Everybody had these keys: the next that come are the first of a series.
        if (this.#world.database.sql.prepare("SELECT 1 FROM bundle_refreshes").get() === undefined)
            this.#keys = undefined;
        if (this.#keys !== undefined) this.#keys = { ...this.#keys, refreshed: true };
    }

    /** What is gone is replaced at once. */
    fileGone(): void {
        const now = this.#world.clock.now();
        this.#keys = {
            ...(this.#keys ?? { last: longAgo, afterSilence: false, refreshed: false }),
            first: longAgo,
            refreshFrom: now,
        };
    }

    #isSomebodyServed(): boolean {
        return this.jobs().some(
            ({ state }) => state === "delivering" || state === "delivered" || state === "reinvited",
        );
    }

    #isRefused(): boolean {
        const row = this.#world.database.sql.prepare("SELECT not_before FROM bundle_refreshes").get();
        return (numberOrNothing(row, "not_before") ?? 0) > this.#world.clock.now();
    }

    reinvite(event: World["memberEvent"]): void {
        if (this.#pausedAtPut) this.broken.push("a re-invite in a pause");
        if (!this.#signedAtPut) this.broken.push("a re-invite by a device that its own identity does not sign");
        const repeated = repeatedInvite(event.content) ?? "";
        const count = (this.#reinvited.get(repeated) ?? 0) + 1;
        this.#reinvited.set(repeated, count);
        if (count > 1 && repeated !== "") this.broken.push(`the invite ${repeated} was repeated ${count} times`);
        const { jobs } = this.#world;
        // The bot's own invite may be overtaken by a human's while it is on its way: the one that it was for is over
        // then.
        const own = (): Job | undefined =>
            jobs.toInvite(roomId, charlie) ?? this.jobs().findLast(({ state }) => state === "cancelled");
        const job = repeated === "" ? own() : jobs.ofInvite(roomId, charlie, repeated);
        if (job !== undefined) this.#reinviteOf(job);
        if (job === undefined) this.broken.push(`a re-invite for ${repeated}, which no job serves`);
        else if (!this.#world.jobs.wasSent(job.id) && !this.#nobodyCanHaveKeys())
            this.broken.push(`a re-invite for ${repeated} before any delivery`);
    }

    #reinviteOf(job: Job): void {
        const isRemoved = this.#removedAtPut.includes(job.inviter);
        if (isRemoved && !isApproved(job, "inviter_removed"))
            this.broken.push(`a re-invite for ${job.inviter}, who was banned`);
        if (job.byThirdParty && !isApproved(job, "invited_by_third_party"))
            this.broken.push("a re-invite of whoever redeemed it");
        if (!job.byAnotherBot) return;
        const ran = this.#world.clock.ran();
        if (this.#markedAt !== undefined && ran - this.#markedAt < 7 * day)
            this.broken.push("a second re-invite of a marked invite");
        this.#markedAt = ran;
    }

    /**
     * The invitee's own homeserver has said, and all of that was understood, that they have an account and no device to
     * encrypt for.
     */
    #nobodyCanHaveKeys(): boolean {
        const { stored, answersWhole, hasAccount, shared } = this.#world;
        const signed = hasSignedDevice(stored);
        return (
            !signed &&
            answersWhole &&
            (hasAccount || stored.masterKey !== null || stored.devices.length > 0) &&
            shared > 0
        );
    }

    /** Every move is in the table, its reason belongs to its state, and nothing was a fault of ours. */
    ledger(): void {
        const rows = this.#world.database.sql
            .prepare("SELECT job_id, state, reason FROM share_job_moves ORDER BY job_id, rowid")
            .all();
        let before: { readonly job: number; readonly state: JobState } | undefined;
        for (const row of rows) {
            const [job, state] = [numberOf(row, "job_id"), wordOf(row, "state", states)];
            const from = before !== undefined && before.job === job ? before.state : undefined;
            const allowed: readonly JobState[] = from === undefined ? ["queued"] : moves[from];
            if (from !== state && !allowed.includes(state))
                this.broken.push(`job ${job} went from ${from ?? "nowhere"} to ${state}`);
            before = { job, state };
            const reason = textOf(row, "reason");
            if (![reasonsOf[state], chapters.told, chapters.takenBack].some((known) => Object.hasOwn(known, reason)))
                this.broken.push(`job ${job} is ${state} for ${reason}`);
        }
        const ran = this.#world.clock.ran();
        for (const { id, state, createdRan } of this.jobs())
            if (state === "expired" && ran - createdRan < 30 * day)
                this.broken.push(`job ${id} expired by a clock that was set`);
        for (const { id, reason, inviter, replacesNamed } of this.jobs())
            if (reason === "reinvited_by_another_bot" && !(replacesNamed && inviter === inviters.otherBot))
                this.broken.push(`job ${id} was left to a bot whose mark is nobody's word`);
        for (const job of this.jobs())
            if (job.reason === "internal_error") this.broken.push(`job ${job.id} ended by a fault of ours`);
        this.broken.push(...this.#world.faults);
    }

    /**
     * Hours after everything has healed: who is somebody else is held, and who was served and may still be served has
     * the room's keys of now, not of then.
     */
    fresh(): void {
        const { masterKey, pins, shared, version } = this.#world;
        if (masterKey === null) return;
        const { facts, devices } = this.#world.parts();
        for (const job of this.jobs()) {
            const goesOn = isOpen(job.state) && job.state !== "held" && this.#isForRemoved(job);
            if (goesOn) this.broken.push(`job ${job.id} goes on as ${job.state} though ${job.inviter} was banned`);
            if (job.state === "joined") this.#isServed(job);
            if (
                job.reason === "nothing_to_share" &&
                shared > 0 &&
                this.#world.jobs.emptyHanded([roomId]).some(({ id }) => id === job.id)
            )
                if (inviteStands(job, facts.rooms.member(roomId, charlie), bot))
                    this.broken.push(`job ${job.id} was left with nothing to share`);
            if (job.state !== "delivered" && job.state !== "reinvited") continue;
            if (decide(gatherFacts(facts, job, "as_pinned")).verdict !== "go") continue;
            if (pins.pinned(charlie) !== masterKey)
                this.broken.push(`job ${job.id} still is ${job.state} though the invitee is somebody else`);
            if (shared === 0 || pins.pinned(charlie) !== masterKey) continue;
            const served = devices.of(job.id).filter(({ state }) => state === "sent");
            const there = this.#world.devices.filter(
                ({ deviceId, crossSigned }) => crossSigned && served.some((one) => one.deviceId === deviceId),
            );
            if (there.length === 0) continue;
            const url = this.#fileGiven(job) ?? "none";
            const has = this.#world.versions.get(url);
            if (has !== version)
                this.broken.push(`job ${job.id} was left with set ${has ?? "none"} instead of ${version}`);
            if (!this.#world.media.has(url)) this.broken.push(`job ${job.id} was left with a file that is gone`);
        }
    }

    /** Whose client waits for the bot's keys has them, if they have a device to read on. */
    #isServed(job: Job): void {
        const { masterKey, pins, shared, devices, jobs } = this.#world;
        if (decide(gatherFacts(this.#world.parts().facts, job, "as_pinned")).verdict !== "go" || shared === 0) return;
        if ((pins.pinned(charlie) ?? masterKey) !== masterKey || !devices.some(opensBundles) || jobs.wasSent(job.id))
            return;
        this.broken.push(`job ${job.id} left somebody who has joined on the bot's invite without keys`);
    }

    /**
     * Everything has healed, and weeks have passed: each job has ended, or waits for something that a person or the
     * room has to give.
     */
    end(): void {
        for (const job of this.jobs()) {
            if (isOpen(job.state) && job.state !== "held")
                this.broken.push(`job ${job.id} still is ${job.state} (${job.reason})`);
            if (job.state === "held" && !waitsForSomebody.has(job.reason))
                this.broken.push(`job ${job.id} is held for ${job.reason}`);
        }
        if (this.#world.checks.all()[0] !== undefined) this.broken.push("a re-invite was never checked");
        const { database } = this.#world;
        for (const { jobId, deviceId } of this.#given)
            if (!givenBy(database.sql, jobId).some(({ devices }) => devices.includes(deviceId)))
                this.broken.push(`the audit does not know what ${deviceId} was given for job ${jobId}`);
        for (const table of ["bundle_refreshes WHERE due_at IS NOT NULL", "share_watches", "share_sendings"])
            if (database.sql.prepare(`SELECT 1 FROM ${table}`).get() !== undefined)
                this.broken.push(`a row of ${table} never ended`);
    }

    #fileGiven(job: Job): string | undefined {
        const { database, seal } = this.#world;
        const row = database.sql
            .prepare("SELECT id, file FROM bundle_files JOIN bundle_deliveries ON file_id = id WHERE job_id = ?")
            .get(job.id);
        if (row === undefined) return undefined;
        const opened = seal.open(`bundle_files/${numberOf(row, "id")}`, blobOf(row, "file"));
        const file = JSON.parse(Buffer.from(opened).toString()) as { url: string };
        return file.url;
    }

    /** The homeserver has acted on this request. A refusal after that is no homeserver's. */
    #acted(): void {
        const { fault } = this.#world;
        if (
            fault?.call === "sendToDevice" &&
            fault.error instanceof HomeserverError &&
            fault.error.problem.kind === "forbidden"
        )
            return;
        this.#given.push(...this.#onItsWay);
    }

    #call(call: string): void {
        if (call === "sendToDevice") this.#acted();
        if (call !== "createMedia" || this.#asking.others > 0) return;
        const { now } = this.#world;
        const count = this.#world
            .files()
            .madeAt(roomId)
            .filter((at) => at > now - hour && at <= now).length;
        if (count >= 6) this.broken.push(`a refresh made the file ${count + 1} of an hour`);
    }

    #send(txnId: string): void {
        const world = this.#world;
        const rows = world.database.sql
            .prepare("SELECT DISTINCT job_id, device_id, delivery_id FROM share_sends WHERE txn_id = ?")
            .all(txnId);
        const rules: [string, boolean][] = [
            ["in a pause", world.pauses.covers(roomId)],
            ["by a device that its own identity does not sign", !world.crossSigned],
            ["while the room's history is closed", world.visibility !== "shared"],
            ["to an identity that is not the pinned one", world.pins.pinned(charlie) !== world.stored.masterKey],
        ];
        this.#onItsWay = rows.map((row) => ({ jobId: numberOf(row, "job_id"), deviceId: textOf(row, "device_id") }));
        for (const row of rows) {
            const job = world.jobs.get(numberOf(row, "job_id"));
            rules.push(["for no job", job === undefined]);
            if (job === undefined) continue;
            const deviceId = textOf(row, "device_id");
            rules.push(...this.#rulesOfCopy(job, deviceId));
            if (!textOf(row, "delivery_id").includes("refreshed")) continue;
            rules.push(...this.#rulesOfRefresh(job, deviceId));
        }
        for (const [rule, isBroken] of rules) if (isBroken) this.broken.push(`a copy was sent ${rule}`);
    }

    #rulesOfCopy(job: Job, deviceId: string): readonly [string, boolean][] {
        const { recorded, sealedFor } = this.#world;
        const membership = recorded?.content.membership;
        const device = sealedFor.devices.find((one) => one.deviceId === deviceId);
        return [
            ["to a device that is not cross-signed", device?.crossSigned !== true],
            ["for a job that is over", !isOpen(job.state)],
            [
                "to somebody who is neither invited nor has joined on the bot's own invite",
                isToInvite(job) ? membership === "ban" : membership !== (job.state === "joined" ? "join" : "invite"),
            ],
            [
                "on the word of a foreign server",
                job.inviter === inviters.mallory && !isApproved(job, "inviter_server_not_trusted"),
            ],
            ["to a look-alike of whom nobody knew", this.#isUnseenDouble(job) && !isApproved(job, "looks_like_member")],
            [
                "over a known bot's invite",
                job.replacesNamed && job.inviter === inviters.otherBot && membership === "invite",
            ],
            ["on the word of somebody who was banned", this.#isForRemoved(job)],
            [
                "to whoever redeemed it, of whom nobody knew",
                job.byThirdParty && !isApproved(job, "invited_by_third_party"),
            ],
        ];
    }

    #isForRemoved(job: Job): boolean {
        return this.#world.standings.get(job.inviter) === "removed" && !isApproved(job, "inviter_removed");
    }

    #isUnseenDouble({ id }: Job): boolean {
        const { members } = this.#world;
        return !this.#world.parts().facts.audit.gave(id) && members.length > 0;
    }

    #rulesOfRefresh(job: Job, deviceId: string): readonly [string, boolean][] {
        const served = this.#world.parts().devices.of(job.id);
        return [
            [`again to somebody who is ${job.state}`, job.state !== "delivered" && job.state !== "reinvited"],
            [
                "again to a device that was sent none",
                !served.some((one) => one.deviceId === deviceId && one.state === "sent"),
            ],
            ["again though no keys had come", this.#keys === undefined],
        ];
    }
}

/** Tells the rules what falls due. */
export class WatchedRefreshes extends Refreshes {
    readonly #rules: Rules;

    constructor(world: World, rules: Rules) {
        super(world.database.sql);
        this.#rules = rules;
    }

    override due(now: number): readonly Refresh[] {
        const due = super.due(now);
        if (due.length > 0) this.#rules.refreshDue();
        return due;
    }

    override made(refresh: Refresh, now: number, needed: boolean): void {
        super.made(refresh, now, needed);
        this.#rules.refreshMade();
    }

    override fileGone(room: string, now: number): void {
        super.fileGone(room, now);
        this.#rules.fileGone();
    }
}

function isApproved(job: Job, reason: Job["reason"]): boolean {
    return job.approved.some((approval) => approval.reason === reason);
}

/** A member for whom Charlie can be taken. */
export const lookalike: World["members"][number] = {
    userId: double,
    displayName: "charlie",
    membership: "join",
    eventId: "$carol",
    sender: double,
    isDirect: false,
};

const waitsForSomebody = new Set<Job["reason"]>([
    "paused",
    "identity_changed",
    "no_power_to_invite",
    "inviter_server_not_trusted",
    "looks_like_member",
    "name_reordered",
    "too_many_invitees",
    "account_appeared_late",
    "inviter_removed",
    "invited_by_third_party",
]);
