import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { DeviceKeys } from "./delivery/device-keys.ts";
import { alice, roomId } from "./testing/room.ts";
import { World } from "./testing/world.ts";
import { DeviceWatch } from "./watch.ts";
import type { JobStep } from "./ledger/steps.ts";
import { Watches } from "./ledger/watches.ts";

const invites = 500;
const servedSteps: readonly JobStep[] = [
    ["delivering", "delivering"],
    ["delivered", "sent"],
    ["reinvited", "reinvited"],
];
/** Whatever the time: every look is due. */
const farAhead = Number.MAX_SAFE_INTEGER;

beforeEach(() => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setImmediate", "performance"] });
});

afterEach(() => {
    vi.useRealTimers();
});

/**
 * So many people whose invites are pending, all served in the same moment, and a homeserver that notes when it is asked
 * for their keys.
 */
function pendingInvites(homeserverTakesMs: number) {
    const world = new World();
    const parts = world.parts();
    const watches = new Watches(world.database.sql);
    world.database.transaction(() => {
        for (let number = 0; number < invites; number += 1) {
            const who = { roomId, userId: `@invitee${number}:home`, inviter: alice, inviteEventId: `$invite${number}` };
            let job = world.jobs.create({ ...who, origin: "invite", byAnotherBot: false });
            for (const step of servedSteps) {
                if (job !== undefined) world.jobs.move(job, ...step);
                job = world.jobs.get(job?.id ?? 0);
            }
        }
    });
    const questions: { readonly at: number; readonly users: number }[] = [];
    const deviceKeys = new DeviceKeys({
        ownServer: "home",
        crypto: {
            keysQuery: (users) => Promise.resolve({ id: "1", kind: "keys_query", body: JSON.stringify(users) }),
            markSent: () => Promise.resolve(),
            userKeys: (users) => Promise.resolve(users.map(() => ({ masterKey: null, devices: [] }))),
        },
        homeserver: {
            keysQuery: (body) => {
                questions.push({ at: performance.now(), users: (JSON.parse(body) as string[]).length });
                return new Promise((answer) => setTimeout(answer, homeserverTakesMs, "{}"));
            },
        },
        outgoing: { claim: () => Promise.resolve([]) },
    });
    const member = (_room: string, userId: string) => {
        const eventId = userId.replace("@invitee", "$invite").replace(":home", "");
        return { userId, membership: "invite" as const, eventId, sender: alice, isDirect: false };
    };
    const facts = { ...parts.facts, rooms: { ...parts.facts.rooms, member } };
    const clock = { ran: () => world.clock.ran(), now: () => world.clock.now() + performance.now() };
    const watch = new DeviceWatch({
        ...parts,
        facts,
        deviceKeys,
        watches,
        clock,
        random: Math.random,
        released: () => undefined,
    });
    return { watch, watches, questions };
}

test.each([
    ["answers at once", 10],
    ["takes its time", 8_000],
])(
    "while the homeserver %s, looks at hundreds of people are never more than one question in 5 s, and everybody has their turn",
    async (_, ms) => {
        const { watch, watches, questions } = pendingInvites(ms);
        watch.wake();
        // Every batch that is recorded wakes it.
        for (let second = 0; second < 5 * 60; second += 1) {
            await vi.advanceTimersByTimeAsync(1_000);
            watch.wake();
        }
        const gaps = questions.slice(1).map(({ at }, index) => at - (questions[index]?.at ?? 0));
        expect(Math.min(...gaps)).toBeGreaterThanOrEqual(5_000);
        expect(Math.max(...questions.map(({ users }) => users))).toBe(50);
        const looks = watches.due(farAhead, invites).map((watched) => watched.looks);
        expect(looks).toHaveLength(invites);
        expect(Math.min(...looks)).toBeGreaterThan(0);
        const stopped = watch.stop();
        await vi.advanceTimersByTimeAsync(10_000);
        await stopped;
    },
);
