import { expect, test } from "vitest";
import { limits } from "./reinvite/invite-pace.ts";
import type { Job } from "./ledger/jobs.ts";
import { roomId } from "./testing/room.ts";
import { World } from "./testing/world.ts";

/**
 * Synapse 1.163, `Ratelimiter`: full up to `burst`, leaking evenly; `level` may be filled by attempts of which nobody
 * tells the bot.
 */
class Bucket {
    level = 0;
    #at = 0;
    readonly #limit: (typeof limits)[keyof typeof limits];

    constructor(limit: (typeof limits)[keyof typeof limits]) {
        this.#limit = limit;
    }

    /** Undefined: taken; else the milliseconds to wait. */
    take(now: number): number | undefined {
        const { perSecond, burst } = this.#limit;
        this.level = Math.max(0, this.level - ((now - this.#at) / 1000) * perSecond);
        this.#at = now;
        if (this.level > burst - 1) return Math.ceil(((this.level - burst + 1) / perSecond) * 1000);
        this.level += 1;
        return undefined;
    }
}

function deliveredJobs(world: World, count: number): void {
    const inviter = "@alice:home";
    for (let number = 1; number <= count; number += 1) {
        const userId = `@invitee${number}:home`;
        world.reinvites.invited({ roomId, userId }, world.now, world.now);
        const job = world.jobs.create({
            roomId,
            userId,
            inviter,
            origin: "invite",
            inviteEventId: `$${number}`,
            byAnotherBot: false,
        });
        const delivering = job && world.jobs.move(job, "delivering", "delivering") && world.jobs.get(job.id);
        if (delivering) world.jobs.move(delivering, "delivered", "sent", 0);
    }
}

/**
 * Lets the jobs of the ledger have their turns as they fall due, against this homeserver; answers whom it let be
 * invited, in order.
 */
function serveAll(
    world: World,
    ask: (job: Job) => number | undefined,
): { readonly order: readonly string[]; readonly refusals: number } {
    const order: string[] = [];
    let refusals = 0;
    for (let steps = 0; steps < 5_000; steps += 1) {
        const [job] = world.due();
        if (job === undefined) {
            const next = world.jobs.nextDueAt(world.now);
            if (next === undefined) return { order, refusals };
            world.now = next;
            continue;
        }
        const turn = world.reinvites.turn(job, "polite", world.now);
        if (turn.at > world.now) {
            world.jobs.move(job, "delivered", turn.reason, turn.at - world.now);
            continue;
        }
        world.reinvites.reserve(job, world.now);
        const wait = ask(job);
        if (wait === undefined) {
            order.push(job.userId);
            world.jobs.move(job, "reinvited", "reinvited");
            for (const rested of world.reinvites.made(job).map((id) => world.jobs.get(id)))
                if (rested) world.jobs.move(rested, "delivered", "reinvite_limited", 0);
        } else {
            refusals += 1;
            world.jobs.move(
                job,
                "delivered",
                "reinvite_limited",
                world.reinvites.limited(job, wait, "polite", world.now),
            );
        }
    }
    throw new Error("the jobs come to no end");
}

const everybody = (count: number) => Array.from({ length: count }, (_, index) => `@invitee${index + 1}:home`);

test("thirty people invited at once have their turns in order, and the homeserver never has to refuse one", () => {
    const world = new World();
    deliveredJobs(world, 30);
    const [room, bot] = [new Bucket(limits.room), new Bucket(limits.bot)];
    for (let number = 0; number < 10; number += 1) room.take(world.now);
    expect(serveAll(world, () => room.take(world.now) ?? bot.take(world.now))).toEqual({
        order: everybody(30),
        refusals: 0,
    });
});

test("where people's own refused attempts fill the room's bucket unseen, the bot is refused a few times and keeps the order all the same", () => {
    const world = new World();
    deliveredJobs(world, 30);
    const room = new Bucket(limits.room);
    const start = world.now;
    let attempts = 0;
    const outcome = serveAll(world, () => {
        // Every three seconds of the first two minutes somebody tries in vain.
        for (; attempts * 3_000 < Math.min(world.now - start, 120_000); attempts += 1)
            room.take(start + attempts * 3_000);
        return room.take(world.now);
    });
    expect(outcome.order).toEqual(everybody(30));
    expect(outcome.refusals).toBeGreaterThan(0);
    expect(outcome.refusals).toBeLessThan(8);
});

test("a person's own bucket holds up nobody else", () => {
    const world = new World();
    for (let room = 1; room <= 4; room += 1)
        world.reinvites.invited({ roomId: `!${room}:home`, userId: "@invitee1:home" }, world.now, world.now);
    deliveredJobs(world, 3);
    expect(serveAll(world, () => undefined).order).toEqual(["@invitee2:home", "@invitee3:home", "@invitee1:home"]);
});
