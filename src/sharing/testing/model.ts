import * as fc from "fast-check";
import { Failure } from "../../failures/index.ts";
import { HomeserverError } from "../../homeserver/index.ts";
import type { Membership } from "../../matrix/index.ts";
import type { MembershipChange } from "../../rooms/index.ts";
import { ShareCommands } from "../commands.ts";
import type { Job } from "../ledger/jobs.ts";
import { recordOwnLeave, releaseEmpowered, releaseEmptyHanded } from "../record.ts";
import { repeatedInvite } from "../reinvite/reinvite-mark.ts";
import { ShareRunner } from "../runner.ts";
import { isOpen, type JobState, moves } from "../ledger/states.ts";
import { DeviceWatch } from "../watch.ts";
import { Watches } from "../ledger/watches.ts";
import { alice, bot, change, charlie, invite, roomId, World } from "./world.ts";

const minute = 60_000;
const day = 24 * 60 * minute;
const inviters = { alice, dora: "@dora:home", mallory: "@mallory:elsewhere", otherBot: "@helper:home" } as const;
const phone = { deviceId: "PHONE", crossSigned: true };
const laptop = { deviceId: "LAPTOP", crossSigned: true };
const devices = {
    none: [],
    unsigned: [{ ...phone, crossSigned: false }],
    phone: [phone],
    both: [phone, laptop],
    oneSigned: [phone, { ...laptop, crossSigned: false }],
} as const;

const making = ["shareableSet", "buildBundle", "createMedia", "putMedia", "mediaExists"] as const;
const sending = ["refresh", "look", "openSessions", "sealBundle", "sendToDevice", "deliverySent"] as const;
const calls = [...making, ...sending, "memberEvent", "putMember", "event"] as const;
const faults = {
    killed: () => new DOMException("killed", "AbortError"),
    unreachable: (call: string) => new HomeserverError(call, { kind: "unreachable", reason: "connection", detail: "reset" }),
    busy: (call: string) => new HomeserverError(call, { kind: "rate_limited", retryAfterMs: 5_000 }),
    forbidden: (call: string) => new HomeserverError(call, { kind: "forbidden", errcode: "M_FORBIDDEN", error: "no" }),
    diskFull: () => new Failure("disk_full", { path: "/data" }),
} as const;

const one = <W extends string>(...what: readonly W[]) => fc.record({ what: fc.constantFrom(...what) });

/** Anything that may happen to a share job from outside, and whether the bot hears of it and works on it before the next thing happens. */
const happening = fc.oneof(
    {
        weight: 3,
        arbitrary: fc.record({
            what: fc.constant("invite" as const),
            by: fc.constantFrom("alice", "alice", "dora", "mallory", "otherBot"),
        }),
    },
    { weight: 5, arbitrary: one("join") },
    { weight: 3, arbitrary: one("decline", "withdraw", "ban") },
    { weight: 5, arbitrary: one("pause", "resume", "resume", "approve", "approve", "trust", "trust", "cancel", "share", "botLeaves") },
    { weight: 2, arbitrary: fc.record({ what: fc.constant("power" as const), granted: fc.constantFrom(true, true, false) }) },
    { weight: 2, arbitrary: fc.record({ what: fc.constant("visibility" as const), open: fc.constantFrom(true, true, false) }) },
    { weight: 2, arbitrary: fc.record({ what: fc.constant("keys" as const), shared: fc.constantFrom(0, 3, 3) }) },
    {
        weight: 5,
        arbitrary: fc.record({
            what: fc.constant("devices" as const),
            now: fc.constantFrom("none", "unsigned", "phone", "both", "oneSigned"),
        }),
    },
    { weight: 2, arbitrary: fc.record({ what: fc.constant("reachable" as const), yes: fc.constantFrom(true, true, false) }) },
    { weight: 1, arbitrary: fc.record({ what: fc.constant("identity" as const), masterKey: fc.constantFrom(null, "A", "A", "B") }) },
    {
        weight: 8,
        arbitrary: fc.record({
            what: fc.constant("fault" as const),
            call: fc.constantFrom(...calls),
            kind: fc.constantFrom("killed", "killed", "unreachable", "busy", "forbidden", "diskFull"),
            after: fc.boolean(),
        }),
    },
    {
        weight: 8,
        arbitrary: fc.record({
            what: fc.constant("time" as const),
            passes: fc.constantFrom(-day, 1, 5_000, minute, 20 * minute, day / 2, 2 * day),
        }),
    },
);
type Happening = typeof happening extends fc.Arbitrary<infer T> ? T : never;

interface Moment {
    readonly happening: Happening;
    readonly heard: boolean;
    readonly works: boolean;
    /** What else happens, and is heard, in the middle of that work: while this request is under way. */
    readonly meanwhile: { readonly call: (typeof calls)[number]; readonly happening: Happening } | null;
}

const mostly = fc.constantFrom(true, true, true, false);
const interruption: fc.Arbitrary<Happening> = fc.oneof(
    one("pause", "decline", "withdraw", "ban", "join", "cancel"),
    fc.record({ what: fc.constant("invite" as const), by: fc.constantFrom("dora", "mallory") }),
    fc.record({ what: fc.constant("visibility" as const), open: fc.constant(false) }),
    fc.record({ what: fc.constant("devices" as const), now: fc.constantFrom("none", "unsigned", "both") }),
);
const meanwhile = fc.option(fc.record({ call: fc.constantFrom(...calls), happening: interruption }), { freq: 2 });
const moment: fc.Arbitrary<Moment> = fc.record({ happening, heard: mostly, works: mostly, meanwhile });

/** The first thing is an invite: nothing can be told of a life in which there never was one. */
export const life: fc.Arbitrary<readonly Moment[]> = fc
    .tuple(
        fc.record({ happening: fc.constant({ what: "invite", by: "alice" } as const), heard: mostly, works: mostly, meanwhile }),
        fc.array(moment, { maxLength: 25 }),
    )
    .map(([first, rest]) => [first, ...rest]);

/** One invitee, one room, and a homeserver that the bot hears of only when it syncs. Every rule is checked as things happen. */
export class Model {
    readonly world = new World();
    readonly broken: string[] = [];
    readonly #commands: ShareCommands;
    readonly #reinvited = new Map<string, number>();
    #unheard: MembershipChange[] = [];
    #events = 0;
    #pausedAtPut = false;

    constructor() {
        const { world } = this;
        world.memberEvent = { ...invite("$never", charlie), content: { membership: "leave" } };
        world.recorded = world.memberEvent;
        world.onSend = (txnId) => this.#checkSend(txnId);
        world.beforePut = () => {
            // To take an invite back is allowed in a pause.
            this.#pausedAtPut = world.pauses.covers(roomId);
        };
        world.onReinvite = (event, replaced) => this.#checkReinvite(event, replaced);
        const { facts } = world.parts();
        this.#commands = new ShareCommands({ ...world.parts(), pauses: world.pauses, facts, rooms: facts.rooms });
    }

    async live(moments: readonly Moment[]): Promise<void> {
        for (const { happening, heard, works, meanwhile } of moments) {
            this.#happens(happening);
            if (heard) this.#sync();
            if (meanwhile !== null) this.#setUp(meanwhile);
            if (works) await this.#run();
            this.#checkLedger();
        }
        await this.#comeToRest();
    }

    #setUp({ call, happening }: NonNullable<Moment["meanwhile"]>): void {
        const { meanwhile } = this.world;
        meanwhile.set(call, () => {
            meanwhile.clear();
            this.#happens(happening);
            this.#sync();
        });
    }

    #happens(happening: Happening): void {
        const { world } = this;
        const { membership } = world.memberEvent.content;
        switch (happening.what) {
            case "invite":
                if (membership !== "join" && membership !== "ban") this.#invite(inviters[happening.by]);
                break;
            case "join":
                if (membership === "invite" || membership === "join") this.#member("join", charlie);
                break;
            case "decline":
                if (membership === "invite" || membership === "join") this.#member("leave", charlie);
                break;
            case "withdraw":
                if (membership === "invite" || membership === "join") this.#member("leave", alice);
                break;
            case "ban":
                this.#member("ban", alice);
                break;
            case "time":
                world.now += happening.passes;
                break;
            case "fault":
                world.fault = { call: happening.call, after: happening.after, error: faults[happening.kind](happening.call) };
                break;
            default:
                this.#changeWorld(happening);
        }
    }

    /** Everything heals and time passes: then every job has ended, or waits for something that a person or the room has to give. */
    async #comeToRest(): Promise<void> {
        const { world } = this;
        world.fault = undefined;
        world.meanwhile.clear();
        world.reachable = true;
        this.#sync();
        for (const passes of [0, 3 * 60 * minute, 2 * day, 32 * day, 2 * day]) {
            world.now += passes;
            await this.#run();
            this.#sync();
        }
        this.#checkLedger();
        for (const job of this.jobs()) {
            if (isOpen(job.state) && job.state !== "held") this.broken.push(`job ${job.id} still is ${job.state} (${job.reason})`);
            if (job.state === "held" && !waitsForSomebody.has(job.reason)) this.broken.push(`job ${job.id} is held for ${job.reason}`);
        }
        if (world.parts().checks.next() !== undefined) this.broken.push("a re-invite was never checked");
    }

    jobs(): readonly Job[] {
        const ids = this.world.database.sql.prepare("SELECT id FROM share_jobs ORDER BY id").all();
        return ids.flatMap(({ id }) => this.world.jobs.get(Number(id)) ?? []);
    }

    #changeWorld(happening: Exclude<Happening, { what: "invite" | "time" | "fault" }>): void {
        const { world } = this;
        const newest = String(this.jobs().at(-1)?.id ?? 0);
        switch (happening.what) {
            case "pause":
                this.#commands.pause(undefined);
                break;
            case "resume":
                this.#commands.resume(undefined);
                break;
            case "approve":
                this.#commands.approve(newest);
                break;
            case "cancel":
                this.#commands.cancel(newest);
                break;
            case "share":
                this.#commands.share(roomId, charlie);
                break;
            case "trust":
                this.#commands.trust(charlie, world.masterKey ?? "A".repeat(43));
                break;
            case "botLeaves":
                world.database.transaction(() => recordOwnLeave(world, roomId));
                break;
            case "power":
                world.canInvite = happening.granted;
                break;
            case "visibility":
                world.visibility = happening.open ? "shared" : "joined";
                break;
            case "keys":
                world.shared = happening.shared;
                world.database.transaction(() => releaseEmptyHanded({ jobs: world.jobs, rooms: world.parts().facts.rooms }, [roomId]));
                break;
            case "devices":
                world.devices = devices[happening.now];
                break;
            case "reachable":
                world.reachable = happening.yes;
                break;
            case "identity":
                world.masterKey = happening.masterKey?.repeat(43) ?? null;
                break;
            case "join":
            case "decline":
            case "withdraw":
            case "ban":
                break;
        }
    }

    #invite(by: string): void {
        const mark = by === inviters.otherBot ? { "org.backscroll.reinvite": { event_id: "$of-another" } } : {};
        this.#member("invite", by, mark);
    }

    #member(membership: Membership, sender: string, more: object = {}): void {
        const { world } = this;
        this.#events += 1;
        const replaced = world.memberEvent.event_id;
        const event = { ...invite(`$event${this.#events}`, sender), content: { ...more, membership } };
        this.#happened(event, replaced);
        world.memberEvent = event;
    }

    #happened(event: World["memberEvent"], replacesState: string): void {
        this.world.events.set(event.event_id, event);
        const { content, event_id: eventId, sender } = event;
        this.#unheard.push(change(content.membership, eventId, sender, { replacesState, content }));
    }

    #sync(): void {
        const { world } = this;
        const heard = this.#unheard;
        this.#unheard = [];
        world.recorded = world.memberEvent;
        world.sync(...heard);
        const { jobs, checks } = world;
        const { rooms } = world.parts().facts;
        world.database.transaction(() => releaseEmpowered({ jobs, checks, botUserId: bot, rooms }));
    }

    /** One life of the process: until it has nothing more to do, or is killed. */
    async #run(): Promise<void> {
        const { world } = this;
        const parts = world.parts();
        const watches = new Watches(world.database.sql);
        const runner = new ShareRunner(parts);
        const watch = new DeviceWatch({ ...parts, watches, released: () => runner.wake() });
        runner.wake();
        watch.wake();
        const busy = (): boolean =>
            world.due().length > 0 ||
            world.checks.next() !== undefined ||
            watches.arrivals(1).length > 0 ||
            watches.due(world.now, 1).length > 0;
        for (let turns = 0; turns < 40 && busy(); turns += 1) await new Promise((next) => setTimeout(next, 0));
        await Promise.all([runner.stop(), watch.stop()]);
    }

    #checkReinvite(event: World["memberEvent"], replaced: string): void {
        this.#happened(event, replaced);
        if (this.#pausedAtPut) this.broken.push("a re-invite in a pause");
        const repeated = repeatedInvite(event.content) ?? "";
        const count = (this.#reinvited.get(repeated) ?? 0) + 1;
        this.#reinvited.set(repeated, count);
        if (count > 1) this.broken.push(`the invite ${repeated} was repeated ${count} times`);
        const job = this.world.jobs.ofInvite(roomId, charlie, repeated);
        if (job === undefined || !this.world.jobs.wasSent(job.id)) this.broken.push(`a re-invite for ${repeated} before any delivery`);
    }

    #checkSend(txnId: string): void {
        const { world } = this;
        const rows = world.database.sql.prepare("SELECT DISTINCT job_id, device_id FROM share_sends WHERE txn_id = ?").all(txnId);
        const rules: [string, boolean][] = [
            ["in a pause", world.pauses.covers(roomId)],
            ["while the room's history is closed", world.visibility !== "shared"],
            ["to an identity that is not the pinned one", world.pins.pinned(charlie) !== world.stored.masterKey],
        ];
        for (const row of rows) {
            const job = world.jobs.get(Number(row["job_id"]));
            const membership = world.recorded?.content.membership;
            const device = world.stored.devices.find(({ deviceId }) => deviceId === row["device_id"]);
            rules.push(
                ["for no job", job === undefined],
                ["to a device that is not cross-signed", device?.crossSigned !== true],
                ["for a job that is over", job === undefined || !isOpen(job.state)],
                [
                    "to somebody who is neither invited nor has joined after a delivery",
                    membership !== (job?.state === "joined" ? "join" : "invite"),
                ],
                [
                    "on the word of a foreign server",
                    job?.inviter === inviters.mallory && !job.approved.some(({ reason }) => reason === "inviter_server_not_trusted"),
                ],
                ["over another bot's invite", job?.byAnotherBot === true],
            );
        }
        for (const [rule, isBroken] of rules) if (isBroken) this.broken.push(`a copy was sent ${rule}`);
    }

    #checkLedger(): void {
        const rows = this.world.database.sql.prepare("SELECT job_id, state FROM share_job_moves ORDER BY job_id, rowid").all();
        let before: { readonly job: unknown; readonly state: unknown } | undefined;
        for (const { job_id: job, state } of rows) {
            const from = before !== undefined && before.job === job ? before.state : undefined;
            const allowed: readonly JobState[] = from === undefined ? ["queued"] : moves[from as JobState];
            if (from !== state && !allowed.includes(state as JobState))
                this.broken.push(`job ${String(job)} went from ${String(from)} to ${String(state)}`);
            before = { job, state };
        }
        for (const job of this.jobs()) if (job.reason === "internal_error") this.broken.push(`job ${job.id} ended by a fault of ours`);
        if (this.world.faults.length > 0) this.broken.push(...this.world.faults);
    }
}

const waitsForSomebody = new Set<Job["reason"]>([
    "paused",
    "identity_changed",
    "no_power_to_invite",
    "inviter_server_not_trusted",
    "looks_like_member",
    "too_many_invitees",
]);
