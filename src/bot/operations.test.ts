import { expect, test } from "vitest";
import { controlOperations, type OperationParts } from "./operations.ts";
import { Recount } from "./recording/recount.ts";

let now = 0;
const order: string[] = [];

/** Operations on a crypto worker that imports so, and a recount whose counts are in `order`. */
function operations(importRoomKeys: () => Promise<never>) {
    const recount = new Recount([], (roomIds) => {
        order.push(roomIds.join());
        return Promise.resolve();
    });
    return controlOperations({
        commands: {} as OperationParts["commands"],
        crypto: () =>
            Promise.resolve({
                importRoomKeys,
                exportRoomKeys: () => Promise.resolve({ sessions: [], next: undefined }),
            }),
        health: () => Promise.resolve({ healthy: true, problems: [] }),
        snapshot: () => {
            throw new Error("nobody asked for a snapshot");
        },
        wake: () => order.push("wake"),
        recount: () => Promise.resolve(recount),
        monotonic: () => now,
    });
}

const imports = () => Promise.resolve({ imported: 1, total: 1, refused: [] } as never);

test("jobs that imported keys released are started at once, and counted are also the keys of an import that broke off", async () => {
    order.length = 0;
    await operations(imports).importRoomKeys({ entries: [{ room_id: "!a:home" }], more: false });
    const broken = operations(() => Promise.reject(new Error("disk full")));
    await expect(broken.importRoomKeys({ entries: [{ room_id: "!b:home" }], more: true })).rejects.toThrow("disk full");
    expect(order).toEqual(["!a:home", "wake", "!b:home", "wake"]);
});

test("during a long import rooms are counted every few seconds, and all that are left at its end", async () => {
    order.length = 0;
    const importing = operations(imports);
    const chunk = async (roomId: string, more = true) =>
        await importing.importRoomKeys({ entries: [{ room_id: roomId }], more });
    for (const roomId of ["!a:home", "!b:home", "!c:home"]) await chunk(roomId);
    expect(order).toEqual(["!a:home", "wake"]);
    now += 5_000;
    await chunk("!b:home");
    await chunk("!d:home");
    expect(order).toEqual(["!a:home", "wake", "!b:home,!c:home", "wake"]);
    await chunk("!e:home", false);
    expect(order.slice(4)).toEqual(["!d:home,!e:home", "wake"]);
});
