import { expect, test } from "vitest";
import { Failure } from "../failures/index.ts";
import { silent } from "./machine/testing/bot.ts";
import { OutgoingRequests, type SendOutcome } from "./outgoing-requests.ts";
import type { CryptoPort, OutgoingRequest } from "./port.ts";

const query = (id: string): OutgoingRequest => ({ id, kind: "keys_query", body: "{}" });
const upload: OutgoingRequest = { id: "upload", kind: "keys_upload", body: "{}" };
const refusal = (status: number, message: string): SendOutcome => ({
    ok: false,
    status,
    errcode: "M_UNKNOWN",
    message,
});
const accepted: SendOutcome = { ok: true, body: "{}" };

/** A machine that wants requests until they are marked as sent. */
class WantingMachine {
    readonly wanted: OutgoingRequest[];
    readonly events: string[] = [];
    rounds = 0;

    constructor(...wanted: OutgoingRequest[]) {
        this.wanted = wanted;
    }

    outgoing = (): Promise<readonly OutgoingRequest[]> => {
        this.rounds++;
        return Promise.resolve([...this.wanted]);
    };

    markSent = ({ id }: Pick<OutgoingRequest, "id" | "kind">): Promise<void> => {
        this.events.push(`marked ${id}`);
        this.wanted.splice(0, this.wanted.length, ...this.wanted.filter((request) => request.id !== id));
        return Promise.resolve();
    };

    keysClaim: CryptoPort["keysClaim"] = () => Promise.resolve(undefined);
}

function owner(machine: WantingMachine, send: (request: OutgoingRequest) => Promise<SendOutcome>): OutgoingRequests {
    return new OutgoingRequests({ crypto: machine, send, deviceId: "BOT", log: silent });
}

test("requests go out in order, each marked before the next", async () => {
    const machine = new WantingMachine(upload, query("1"), query("2"));
    const requests = owner(machine, (request) => {
        machine.events.push(`sent ${request.id}`);
        return Promise.resolve(accepted);
    });
    expect(await requests.flush()).toBe(true);
    expect(machine.events).toEqual(["sent upload", "marked upload", "sent 1", "marked 1", "sent 2", "marked 2"]);
});

test("a refused request is not repeated in this flush, does not stop the others, and comes again with the next", async () => {
    const machine = new WantingMachine(query("bad"), query("good"));
    const sent: string[] = [];
    const requests = owner(machine, ({ id }) => {
        sent.push(id);
        return Promise.resolve(id === "bad" ? refusal(400, "no") : accepted);
    });
    expect(await requests.flush()).toBe(false);
    expect(sent).toEqual(["bad", "good"]);
    expect(await requests.flush()).toBe(false);
    expect(sent).toEqual(["bad", "good", "bad"]);
});

test("flushes that come while one runs share one more run", async () => {
    const machine = new WantingMachine(query("1"));
    const gate = Promise.withResolvers<SendOutcome>();
    const requests = owner(machine, () => gate.promise);
    const running = requests.flush();
    await Promise.resolve();
    const [second, third] = [requests.flush(), requests.flush()];
    expect(second).toBe(third);
    gate.resolve(accepted);
    await Promise.all([running, second, third]);
    expect(machine.rounds).toBe(3);
});

test("a homeserver that is away ends this flush and not the next", async () => {
    const machine = new WantingMachine(query("1"));
    let away = true;
    const requests = owner(machine, () => (away ? Promise.reject(new Error("away")) : Promise.resolve(accepted)));
    await expect(requests.flush()).rejects.toThrow("away");
    away = false;
    await requests.flush();
    expect(machine.wanted).toEqual([]);
});

test("a device with other keys on the server is a failure with its cure", async () => {
    const requests = owner(new WantingMachine(upload), () =>
        Promise.resolve(
            refusal(400, "One time key signed_curve25519:AAAAAAAAAA0 already exists. Old key: ...; new key: ..."),
        ),
    );
    await expect(requests.flush()).rejects.toEqual(new Failure("one_time_keys_conflict", { device: "BOT" }));
});

test("a machine that wants more for ever is left after some rounds", async () => {
    const machine = new WantingMachine(query("1"));
    machine.markSent = () => Promise.resolve();
    await owner(machine, () => Promise.resolve(accepted)).flush();
    expect(machine.rounds).toBe(10);
});

test("what is left of a large claim is claimed after whoever came meanwhile", async () => {
    const machine = new WantingMachine();
    const claims: (readonly string[])[] = [];
    machine.keysClaim = (userIds) => {
        claims.push(userIds);
        const later = userIds.slice(1);
        const request = { id: `claim ${claims.length}`, kind: "keys_claim", body: "{}" } as const;
        return Promise.resolve(later.length === 0 ? request : { ...request, later });
    };
    const requests = owner(machine, ({ id }) => Promise.resolve({ ok: true, body: id }));
    const [many, one] = await Promise.all([requests.claim(["@a:far", "@b:far"]), requests.claim(["@charlie:home"])]);
    expect(claims).toEqual([["@a:far", "@b:far"], ["@charlie:home"], ["@b:far"]]);
    expect(many).toEqual(["claim 1", "claim 3"]);
    expect(one).toEqual(["claim 2"]);
});
