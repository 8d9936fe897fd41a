import type { MembershipChange } from "../../rooms/index.ts";
import type { Membership } from "../../matrix/index.ts";
import { ShareCommands } from "../commands.ts";
import type { Job } from "../ledger/jobs.ts";
import { recordOwnLeave, releaseEmpowered, releaseEmptyHanded } from "../record.ts";
import { reconsiderRooms } from "../room-changed.ts";
import { GivenFiles } from "../given-files.ts";
import { BundleRefresher } from "../refresh.ts";
import { ShareRunner } from "../runner.ts";
import { atLook, DeviceWatch } from "../watch.ts";
import { Watches } from "../ledger/watches.ts";
import { day, devices, faults, type Happening, inviters, minute, type Moment } from "./life.ts";
import { lookalike, Rules, WatchedRefreshes } from "./rules.ts";
import { alice, bot, change, charlie, invite, roomId } from "./room.ts";
import { World } from "./world.ts";

type InviterNow = Extract<Happening, { what: "inviter" }>["is"];

/**
 * One invitee, one room, and a homeserver that the bot hears of only when it syncs. Every rule is checked as things
 * happen.
 */
export class Model {
    readonly world = new World();
    readonly #rules = new Rules(this.world);
    readonly #commands: ShareCommands;
    #unheard: MembershipChange[] = [];
    /** How the inviters stand; the bot hears of it later. */
    readonly #inviters = new Map<string, InviterNow>();
    #events = 0;
    #sets = 0;
    /** Of the life that the process lives now. */
    #runner: ShareRunner | undefined;

    constructor() {
        const { world } = this;
        world.setClock(Date.UTC(2026, 0));
        world.policy = { ...world.policy, other_bots: [inviters.otherBot] };
        world.memberEvent = { ...invite("$never", charlie), content: { membership: "leave" } };
        world.recorded = world.memberEvent;
        world.onReinvite = (event, replaced) => {
            this.#happened(event, replaced);
            this.#rules.reinvite(event);
        };
        const { facts } = world.parts();
        this.#commands = new ShareCommands({ ...world.parts(), pauses: world.pauses, facts, rooms: facts.rooms });
    }

    /** Which rules did not hold. */
    get broken(): readonly string[] {
        return this.#rules.broken;
    }

    async live(moments: readonly Moment[]): Promise<void> {
        for (const { happening, heard, works, meanwhile } of moments) {
            this.#happens(happening);
            if (heard) this.#sync();
            if (meanwhile !== null) this.#setUp(meanwhile);
            if (works) await this.#run();
            this.#rules.ledger();
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
                if (membership !== "join" && membership !== "ban") this.#invite(happening);
                break;
            case "inviter":
                this.#inviterIs(inviters[happening.who], happening.is);
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
                this.#pass(happening.passes);
                break;
            case "clock":
                world.setClock(world.now + happening.by);
                break;
            case "fault":
                world.fault = {
                    call: happening.call,
                    after: happening.after,
                    error: faults[happening.kind](happening.call),
                };
                break;
            default:
                this.#changeWorld(happening);
        }
    }

    /**
     * Everything heals and time passes: then every job has ended, or waits for something that a person or the room has
     * to give.
     */
    async #comeToRest(): Promise<void> {
        const { world } = this;
        world.fault = undefined;
        world.meanwhile.clear();
        world.reachable = true;
        this.#signed(true);
        this.#sync();
        await this.#rest(0, 70 * minute, 70 * minute, 70 * minute);
        this.#rules.fresh();
        await this.#rest(2 * day, 32 * day, 2 * day);
        this.#rules.ledger();
        this.#rules.end();
    }

    async #rest(...times: readonly number[]): Promise<void> {
        for (const passes of times) {
            this.#pass(passes);
            await this.#run();
            this.#sync();
        }
    }

    #pass(milliseconds: number): void {
        this.world.now += milliseconds;
    }

    jobs(): readonly Job[] {
        return this.#rules.jobs();
    }

    #changeWorld(happening: Exclude<Happening, { what: "invite" | "inviter" | "time" | "clock" | "fault" }>): void {
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
            case "askToInvite":
                this.#commands.invite(roomId, charlie);
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
            case "signed":
                this.#signed(happening.yes);
                break;
            case "visibility":
                world.visibility = happening.open ? "shared" : "joined";
                break;
            case "keys":
                this.#keysCome(happening.shared);
                break;
            case "purge":
                world.media.clear();
                break;
            case "lookalike":
                world.members = happening.there ? [lookalike] : [];
                break;
            case "devices":
                world.devices = devices[happening.now];
                break;
            case "reachable":
                world.reachable = happening.yes;
                break;
            case "slow":
                world.slowHomeservers = happening.yes;
                break;
            case "account":
                world.hasAccount = happening.exists;
                break;
            case "sifted":
                world.answersWhole = happening.whole;
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

    /** The identity that the homeserver publishes for the bot signs its device, or does not. */
    #signed(yes: boolean): void {
        const { world } = this;
        const { jobs } = world;
        world.crossSigned = yes;
        world.database.transaction(() =>
            yes ? jobs.botIsCrossSigned() : reconsiderRooms({ jobs, facts: world.parts().facts }),
        );
    }

    #keysCome(shared: number): void {
        const { world } = this;
        this.#sets += 1;
        world.version = String(this.#sets);
        world.shared = shared;
        this.#rules.keysCome();
        this.#runner?.keysCame([roomId]);
        world.database.transaction(() => {
            releaseEmptyHanded(world.parts(), [roomId]);
            world.refreshes.note([roomId], world.clock.now());
            this.#rules.keysNoted(world.refreshes);
        });
    }

    #invite({ by, names, redeemed }: Extract<Happening, { what: "invite" }>): void {
        const sender = inviters[by];
        if ((this.#inviters.get(sender) ?? "back") !== "back") return;
        const named = names === "standing" ? this.world.memberEvent.event_id : "$of-another";
        const isBot = by === "otherBot" || by === "peer";
        const mark = isBot ? { "org.backscroll.reinvite": { event_id: named } } : {};
        this.#member("invite", sender, {
            ...mark,
            ...(redeemed ? { third_party_invite: { display_name: "c...@home" } } : {}),
        });
    }

    #inviterIs(userId: string, now: InviterNow): void {
        this.#inviters.set(userId, now);
        this.#events += 1;
        if (now === "removed") this.#unheard.push({ ...change("ban", `$event${this.#events}`, "@admin:home"), userId });
        if (now === "left") this.#unheard.push({ ...change("leave", `$event${this.#events}`, userId), userId });
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
        for (const [userId, now] of this.#inviters) {
            world.standings.set(userId, now === "left" || now === "removed" ? now : "joined");
            if (now === "powerless") world.powerless.add(userId);
            else world.powerless.delete(userId);
        }
        world.sync(...heard);
        const { jobs, checks } = world;
        const { facts } = world.parts();
        world.database.transaction(() => {
            releaseEmpowered({ jobs, checks, botUserId: bot, rooms: facts.rooms });
            reconsiderRooms({ jobs, facts }, [roomId]);
        });
    }

    /** One life of the process: until it has nothing more to do, or is killed. */
    async #run(): Promise<void> {
        const { world } = this;
        const parts = world.parts();
        const watches = new Watches(world.database.sql);
        const bundles = this.#rules.watched(parts.bundles, "others");
        const runner = new ShareRunner({ ...parts, bundles });
        this.#runner = runner;
        const watch = new DeviceWatch({ ...parts, bundles, watches, released: () => runner.wake() });
        const refreshes = new WatchedRefreshes(world, this.#rules);
        const refresher = new BundleRefresher({
            ...parts,
            bundles: this.#rules.watched(parts.bundles, "refresher"),
            refreshes,
        });
        const givenFiles = new GivenFiles({ ...parts, refreshes, fileGone: () => refresher.wake() });
        runner.wake();
        watch.wake();
        refresher.wake();
        givenFiles.wake();
        const busy = (): boolean =>
            world.due().length > 0 ||
            world.checks.all().length > 0 ||
            watches.arrivals(1).length > 0 ||
            watches.due(atLook(world.clock.now()), 1).length > 0 ||
            world.refreshes.due(world.clock.now()).length > 0 ||
            parts.files.dueLooks(world.clock.now(), 10).length > 0;
        for (let turns = 0; turns < 40 && busy(); turns += 1) await new Promise((next) => setTimeout(next, 0));
        await Promise.all([runner.stop(), watch.stop(), refresher.stop(), givenFiles.stop()]);
    }
}
