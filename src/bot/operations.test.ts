import { expect, test } from "vitest";
import { controlOperations, type OperationParts } from "./operations.ts";

test("jobs that imported keys released are started at once, and counted are also the keys of an import that broke off", async () => {
    const order: string[] = [];
    const parts = {
        health: () => Promise.resolve({ healthy: true, problems: [] }),
        snapshot: () => {
            throw new Error("nobody asked for a snapshot");
        },
        wake: () => order.push("wake"),
        holdingsChanged: (roomIds: readonly string[]) => {
            order.push(roomIds.join());
            return Promise.resolve();
        },
    };
    const importing = (importRoomKeys: () => Promise<never>): OperationParts => ({
        ...parts,
        commands: {} as OperationParts["commands"],
        crypto: () => Promise.resolve({ importRoomKeys, exportRoomKeys: () => Promise.resolve(undefined) }),
    });
    const done = importing(() => Promise.resolve({ imported: 1, total: 1, refused: [] } as never));
    await controlOperations(done).importRoomKeys([{ room_id: "!a:home" }]);
    const broken = importing(() => Promise.reject(new Error("disk full")));
    await expect(controlOperations(broken).importRoomKeys([{ room_id: "!b:home" }])).rejects.toThrow("disk full");
    expect(order).toEqual(["!a:home", "wake", "!b:home", "wake"]);
});
