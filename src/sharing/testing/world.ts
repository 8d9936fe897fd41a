import { DatabaseSync } from "node:sqlite";
import { randomBytes } from "node:crypto";
import { setImmediate } from "node:timers/promises";
import { vi } from "vitest";
import type { BundleDelivery, BundleRequest, SealedDelivery, UserKeys } from "../../crypto/index.ts";
import type { Database } from "../../database/index.ts";
import { type CallOptions, HomeserverError } from "../../homeserver/index.ts";
import type { HistoryVisibility } from "../../matrix/index.ts";
import type { Member, MembershipChange, Standing } from "../../rooms/index.ts";
import { deriveSeal } from "../../sealing/index.ts";
import { Audit } from "../ledger/audit.ts";
import type { FactSources, SharingPolicy } from "../policy/facts.ts";
import { BundleFiles } from "../bundle/bundle-files.ts";
import { BundleMessages } from "../delivery/bundle-messages.ts";
import { bundleSchema } from "../bundle/bundle-schema.ts";
import { JobDevices } from "../ledger/devices.ts";
import { GivenFiles, type GivenFilesParts } from "../given-files.ts";
import { ShareJobs } from "../ledger/jobs.ts";
import { Lookalikes } from "../policy/lookalike.ts";
import { Pauses } from "../policy/pauses.ts";
import { IdentityPins } from "../policy/pins.ts";
import { restateInviters, stopForRemoved } from "../policy/inviter-changed.ts";
import { recordMemberships } from "../record.ts";
import type { Comparison } from "../policy/compare.ts";
import type { SharedHistory } from "../reinvite/reinvite-facts.ts";
import { BundleRefresher } from "../refresh.ts";
import { Refreshes } from "../ledger/refreshes.ts";
import { ReinviteChecks } from "../reinvite/reinvite-check.ts";
import { ReinviteLedger } from "../reinvite/reinvite-ledger.ts";
import { recordInvites } from "../reinvite/reinvite-record.ts";
import { reinviteSchema } from "../reinvite/reinvite-schema.ts";
import type { Answered } from "../delivery/device-keys.ts";
import { ShareCommands } from "../commands.ts";
import { ShareRunner } from "../runner.ts";
import type { RoomBundles } from "../bundle/room-bundles.ts";
import { RunningClock, runningClockSchema } from "../../due/index.ts";
import { sharingSchema } from "../ledger/schema.ts";
import { jobStatuses, jobStory } from "../ledger/status.ts";
import { bundlesOf, type Step } from "./making.ts";
import { bot, charlie, alice, invite, change, roomId, masterKey } from "./room.ts";
import { atLook, DeviceWatch, type DeviceWatchParts } from "../watch.ts";
import { Watches } from "../ledger/watches.ts";

/**
 * One bot on one database, a homeserver that keeps Charlie's member event, and a list of what was asked of it, in
 * order.
 */
export class World {
    readonly calls: string[] = [];
    readonly faults: string[] = [];
    readonly database: Database;
    readonly jobs: ShareJobs;
    readonly pauses: Pauses;
    readonly checks: ReinviteChecks;
    readonly reinvites: ReinviteLedger;
    readonly pins: IdentityPins;
    readonly seal = deriveSeal(randomBytes(32), "test");
    readonly clock: RunningClock;
    #now = 1_000_000;
    #passed = 0;
    policy: Omit<SharingPolicy, "max_invitees_per_hour"> = {
        mode: "automatic",
        reinvite: "always",
        reinvite_thresholds: { proven: 95, likely: 70 },
        reinvite_pace: "unlimited",
        trusted_servers: ["home"],
        other_bots: [],
        max_sessions: 50_000,
        max_age: null,
    };
    /** Whether the bot's bundle is the better one. */
    comparison: Comparison["outcome"] = "better";
    readonly history: SharedHistory = {
        compare: (_room, _inviter, _policy, { inviterHasSignedDevice }) => {
            const outcome = inviterHasSignedDevice === false ? "better" : this.comparison;
            return { outcome, sentence: `the bot's bundle is ${outcome}` };
        },
    };
    /** Thrown once by the call with this name. */
    fault: { readonly call: string; readonly error: Error; readonly after?: boolean } | undefined;
    masterKey: string | null = masterKey;
    shared = 3;
    /** What the room's set is made of: another version is another set. */
    version = "1";
    /** Sessions in it that no bundle holds. */
    ofStrangers = "";
    bundleBytes = 100;
    leftOut = { tooOld: 0, overLimit: 0, fromStrangers: 0 };
    /** URIs whose file the homeserver has. */
    readonly media = new Set<string>();
    /** Which set each of them holds. */
    readonly versions = new Map<string, string>();
    /** How many URIs were reserved. */
    places = 0;
    readonly built: BundleRequest[] = [];
    /** What else makes the bytes of a bundle of the same set others. */
    disturbance = "";
    visibility: HistoryVisibility = "shared";
    /** Who sent the room's sessions. */
    outsiders: readonly string[] = [];
    /** What is known of when the sessions were used. */
    times = "";
    refreshes: Refreshes;
    uploadLimit: number | undefined;
    /** The bot's device is signed by its published identity, as was heard last. */
    crossSigned = true;
    canInvite = true;
    canKick = true;
    /** How inviters stand in the room, by what was synced; others are members. */
    readonly standings = new Map<string, Standing>();
    /** Inviters who may not invite any more. */
    readonly powerless = new Set<string>();
    mostInvitees = 50;
    members: readonly Member[] = [];
    /** Everybody as the last change that was synced left them. */
    readonly #lastHeard = new Map<string, Member>();
    #revised: { readonly members: readonly Member[]; readonly revision: number } = { members: [], revision: 0 };
    /** What the server answers for each event. */
    readonly events = new Map<string, object>();
    memberEvent = invite("$invite", alice);
    /** What Charlie is called there. */
    displayName = "charlie";
    /** The same as the bot's rooms have it; undefined: as the server has it. */
    recorded: World["memberEvent"] | undefined;
    /** Called with each to-device request as it arrives, and with each re-invite. */
    onSend: ((txnId: string) => void) | undefined;
    onReinvite: ((event: World["memberEvent"], replacedEventId: string) => void) | undefined;
    /** The homeserver says yes to what the bot writes, and does nothing. */
    shadowBanned = false;
    /** The sync shows the bot's own invites at once. */
    echoes = true;
    beforePut: (() => void) | undefined;
    /** Called with the name of each call as it is answered. */
    onCall: ((name: string) => void) | undefined;
    /** What happens while the call with this name is under way. */
    readonly meanwhile = new Map<string, () => void>();
    sendOptions: CallOptions | undefined;
    readonly txnIds: string[] = [];
    /** The encrypted body for Charlie's device. */
    sealed: object = {};
    /** Charlie's, as his homeserver says; those in `silent` have no one-time key left. */
    devices: UserKeys["devices"] = [{ deviceId: "PHONE", crossSigned: true, dehydrated: false }];
    readonly silent = new Set<string>();
    /** Those that the machine cannot encrypt to. */
    readonly broken = new Set<string>();
    /** Charlie's keys as the crypto worker has them from the last answer. */
    stored: UserKeys = { masterKey: null, devices: [] };
    /** The same at the last encryption. */
    sealedFor = this.stored;
    /** Those of whoever invites. */
    inviterKeys: Answered = {
        masterKey: "I".repeat(43),
        devices: [{ deviceId: "A", crossSigned: true, dehydrated: false }],
        whole: true,
    };
    /** Charlie's homeserver answers, and nothing of what it says is left out. */
    reachable = true;
    answersWhole = true;
    hasAccount = true;
    /** Whoever is asked for keys takes longer than the crypto worker. */
    slowHomeservers = false;
    /** A known message uses a key that the bot may share. */
    usable = true;
    /** The devices of each request, in order. */
    readonly sentTo: (readonly string[])[] = [];

    constructor() {
        const sql = new DatabaseSync(":memory:");
        for (const { migrations } of [runningClockSchema, sharingSchema, bundleSchema, reinviteSchema])
            for (const migration of migrations) migration(sql);
        this.database = {
            sql,
            close: () => sql.close(),
            transaction: (work) => {
                sql.exec("BEGIN");
                try {
                    const result = work();
                    sql.exec("COMMIT");
                    return result;
                } catch (error) {
                    sql.exec("ROLLBACK");
                    throw error;
                }
            },
        };
        sql.prepare("UPDATE running_clock SET begun = ?").run(this.#now);
        this.clock = new RunningClock({ database: this.database, monotonic: () => this.#passed, wall: () => this.now });
        this.jobs = new ShareJobs(
            sql,
            () => this.now,
            () => this.clock.now(),
        );
        this.pauses = new Pauses(sql);
        this.checks = new ReinviteChecks(sql);
        this.reinvites = new ReinviteLedger(sql);
        this.pins = new IdentityPins(sql);
        this.refreshes = new Refreshes(sql);
    }

    get now(): number {
        return this.#now;
    }

    /** Ahead: time passes, and the bot runs. Back: the clock is set. */
    set now(now: number) {
        this.#passed += Math.max(0, now - this.#now);
        this.#now = now;
        this.clock.count();
    }

    /** The clock is set ahead or back, and no time passes. */
    setClock(now: number): void {
        this.#now = now;
    }

    sync(...told: MembershipChange[]): void {
        const changes = told.map((change) => this.#withPrevious(change));
        this.database.transaction(() => {
            recordMemberships(
                { botUserId: bot, jobs: this.jobs, checks: this.checks, rooms: this.parts().facts.rooms },
                changes,
            );
            recordInvites({ botUserId: bot, reinvites: this.reinvites, now: () => this.clock.now() }, changes);
            const parts = { jobs: this.jobs, facts: this.parts().facts };
            stopForRemoved(parts, changes);
            restateInviters(parts, [roomId]);
        });
    }

    /** What the rooms knew of the user before, unless the test says so itself. */
    #withPrevious(change: MembershipChange): MembershipChange {
        const { userId, membership, eventId, sender, isDirect } = change;
        const previous = change.previous ?? this.#lastHeard.get(userId);
        this.#lastHeard.set(userId, { userId, membership, eventId, sender, isDirect });
        return { ...change, previous };
    }

    /** The bot hears that an inviter stands otherwise now. */
    inviterIs(userId: string, standing: "left" | "removed"): void {
        this.standings.set(userId, standing);
        const membership = standing === "left" ? "leave" : "ban";
        this.sync({
            ...change(membership, `$${standing}-${userId}`, standing === "left" ? userId : "@admin:home"),
            userId,
        });
    }

    /** Starts a runner as after a start of the process, lets it work until it rests, and stops it. */
    async run(): Promise<void> {
        await this.runUntil(() => {
            if (this.due().length > 0 || this.checks.all()[0] !== undefined) throw new Error("still at work");
        });
    }

    async runUntil(condition: () => void): Promise<void> {
        const runner = this.runner();
        runner.wake();
        await vi.waitFor(condition);
        await runner.stop();
    }

    runner(): ShareRunner {
        return new ShareRunner(this.parts());
    }

    /** Lets a watch look, as after a start of the process, until nothing is due. */
    async runWatch(): Promise<void> {
        let released = 0;
        const { watch, watches } = this.watch(() => (released += 1));
        watch.wake();
        await vi.waitFor(() => {
            if (watches.due(atLook(this.clock.now()), 1).length > 0 || watches.arrivals(1).length > 0)
                throw new Error("still looking");
        });
        await watch.stop();
        if (released > 0) await this.run();
    }

    watch(released: () => void = () => undefined): { readonly watch: DeviceWatch; readonly watches: Watches } {
        const watches = new Watches(this.database.sql);
        return { watches, watch: new DeviceWatch({ ...this.parts(), watches, released }) };
    }

    /** Charlie accepts the invite. */
    join(): void {
        this.memberEvent = { ...invite("$join", charlie), content: { membership: "join" } };
        this.sync(change("join", "$join", charlie));
    }

    due() {
        return this.jobs.due({ limit: 10, ofRoom: 10, ofServer: 10, ownServer: "home" }, this.clock.now());
    }

    refresher(): BundleRefresher {
        return new BundleRefresher({ ...this.parts(), refreshes: this.refreshes });
    }

    givenFiles(fileGone: () => void = () => undefined): GivenFiles {
        return new GivenFiles({ ...this.parts(), refreshes: this.refreshes, fileGone });
    }

    bundles(): RoomBundles {
        return this.parts().bundles;
    }

    files(): BundleFiles {
        return this.parts().files;
    }

    /** The reasons of the first job's moves, in order. */
    story(): readonly string[] {
        return jobStory(this.database.sql, "1")?.story.map(({ reason }) => reason) ?? [];
    }

    status() {
        const job = jobStatuses(this.database.sql, { limit: 1 })[0];
        return { state: job?.state, reason: job?.reason, devices: job?.devices };
    }

    /** What the runner, the watch and the commands are made of. */
    parts(): ConstructorParameters<typeof ShareRunner>[0] &
        Pick<DeviceWatchParts, "deviceKeys"> &
        Pick<GivenFilesParts, "homeserver"> & { readonly bundles: RoomBundles } {
        const member = () => {
            const { content, event_id: eventId, sender } = this.recorded ?? this.memberEvent;
            const isDirect = content.is_direct === true;
            return {
                userId: charlie,
                membership: content.membership,
                eventId,
                sender,
                isDirect,
                displayName: this.displayName,
            };
        };
        const facts: FactSources = {
            botUserId: bot,
            pauses: this.pauses,
            isCrossSigned: () => this.crossSigned,
            policy: () => ({ ...this.policy, max_invitees_per_hour: this.mostInvitees }),
            audit: new Audit(this.database.sql),
            lookalikes: new Lookalikes(),
            now: () => this.now,
            rooms: {
                room: () => ({
                    roomId,
                    membership: "join",
                    encryption: "encrypted",
                    visibility: this.visibility,
                    joinedAt: 0,
                    openSince: undefined,
                    successor: undefined,
                }),
                member,
                membersWith: () => this.members,
                joinedRevision: () => this.#membersRevision(),
                canInvite: (_room, userId) => (userId === bot ? this.canInvite : !this.powerless.has(userId)),
                standing: (_room, userId) => this.standings.get(userId) ?? "joined",
            },
        };
        const step: Step = async (name, answer) => {
            await Promise.resolve();
            if (this.fault?.call === name && this.fault.after !== true) this.#fail();
            this.calls.push(name);
            this.onCall?.(name);
            this.meanwhile.get(name)?.();
            const result = answer();
            if (this.fault?.call === name) this.#fail();
            return result;
        };
        const outbox = {
            sealBundles: (deliveries: readonly BundleDelivery[]) =>
                step("sealBundle", () => deliveries.map((delivery) => this.#sealed(delivery))),
            deliveriesSent: () => step("deliverySent", () => undefined),
            unsentDeliveries: () => Promise.resolve([]),
        };
        const homeserver = {
            sendToDevice: (_type: string, txnId: string, body: string, options?: CallOptions) => {
                const { messages } = JSON.parse(body) as { messages: Record<string, object> };
                this.sentTo.push(Object.values(messages).flatMap((devices) => Object.keys(devices)));
                this.txnIds.push(txnId);
                this.sendOptions = options;
                this.onSend?.(txnId);
                return step("sendToDevice", () => "{}");
            },
        };
        const files = new BundleFiles(this.database.sql, this.seal);
        return {
            botUserId: bot,
            database: this.database,
            jobs: this.jobs,
            clock: this.clock,
            pins: this.pins,
            checks: this.checks,
            reinvites: this.reinvites,
            history: this.history,
            isUsable: () => Promise.resolve(this.usable && this.shared > 0),
            devices: new JobDevices(this.database.sql),
            audit: new Audit(this.database.sql),
            files,
            bundles: bundlesOf(this, files, facts, step),
            facts,
            rooms: { canKick: () => this.canKick },
            now: () => this.now,
            random: () => 0,
            settled: () => {},
            log: { ...silent, child: () => silent, error: (_facts, message) => this.faults.push(message) },
            deviceKeys: {
                refresh: () => step("refresh", () => this.#keys()),
                look: (userId) => step("look", () => (userId === charlie ? this.#keys() : this.inviterKeys)),
                openSessions: async () => {
                    if (this.slowHomeservers) await setImmediate();
                    return await step("openSessions", () => true);
                },
            },
            messages: new BundleMessages({ database: this.database, crypto: outbox, homeserver, now: () => this.now }),
            homeserver: {
                hasAccount: () => step("hasAccount", () => this.hasAccount),
                memberEvent: () => step("memberEvent", () => this.memberEvent),
                mediaExists: (url) => step("mediaExists", () => this.media.has(url)),
                event: (_room, eventId) => step("event", () => this.events.get(eventId)),
                putMember: (_room, user, content) => {
                    this.beforePut?.();
                    return step("putMember", () => this.#put(user, content as { membership: "invite" | "leave" }));
                },
            },
        };
    }

    #membersRevision(): number {
        if (this.#revised.members !== this.members)
            this.#revised = { members: this.members, revision: this.#revised.revision + 1 };
        return this.#revised.revision;
    }

    #keys(): Answered | undefined {
        if (!this.reachable) return undefined;
        this.stored = { masterKey: this.masterKey, devices: this.devices };
        return { ...this.stored, whole: this.answersWhole };
    }

    #put(userId: string, content: { readonly membership: "invite" | "leave" }): string {
        const { membership } = this.memberEvent.content;
        const isInvite = content.membership === "invite";
        if (isInvite ? !this.canInvite || membership === "join" || membership === "ban" : !this.canKick)
            throw new HomeserverError("put_member", { kind: "forbidden", errcode: "M_FORBIDDEN", error: "no" });
        if (this.shadowBanned) return "$nothing";
        const replaced = this.memberEvent.event_id;
        this.memberEvent = { ...invite(`$bot${this.calls.length}`, bot), content };
        if (isInvite) this.#echo(userId, this.memberEvent, replaced);
        return this.memberEvent.event_id;
    }

    #echo(userId: string, event: World["memberEvent"], replacesState: string): void {
        const { event_id: eventId, content } = event;
        if (this.onReinvite !== undefined) this.onReinvite(event, replacesState);
        else if (this.echoes) this.sync({ ...change("invite", eventId, bot, { content, replacesState }), userId });
    }

    #sealed({ deviceIds, pinnedMasterKey }: BundleDelivery): SealedDelivery {
        const { masterKey, devices: all } = (this.sealedFor = this.stored);
        if (masterKey === null) return { identity: "none" };
        if (masterKey !== pinnedMasterKey) return { identity: "changed", masterKey };
        const devices = all.filter(({ deviceId }) => deviceIds?.includes(deviceId) ?? true);
        return { identity: "pinned", devices: devices.map((device) => this.#seal(device)) };
    }

    #seal({ deviceId, crossSigned }: World["devices"][number]) {
        if (!crossSigned) return { deviceId, state: "not_cross_signed" as const };
        if (this.silent.has(deviceId)) return { deviceId, state: "no_session" as const };
        if (this.broken.has(deviceId)) return { deviceId, state: "error" as const };
        return { deviceId, state: "sealed" as const, content: this.sealed };
    }

    #fail(): never {
        const error = this.fault?.error ?? new Error("no fault");
        this.fault = undefined;
        throw error;
    }
}

/** What people may tell the world's bot. */
export function commandsOf(world: World): ShareCommands {
    const { facts, now } = world.parts();
    const { database, jobs, pins, pauses } = world;
    return new ShareCommands({ database, jobs, pins, pauses, facts, rooms: facts.rooms, now });
}

const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {}, child: () => silent };
