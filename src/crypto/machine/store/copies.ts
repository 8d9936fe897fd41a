import { closeSync, openSync } from "node:fs";
import type { Generation } from "../../port.ts";
import { commit, type MachineContext } from "./context.ts";
import { readMeta, writeMeta } from "./meta.ts";

const names = { value: "generation", published: "generation_published" } as const satisfies Record<
    keyof Generation,
    string
>;

/** @param path a file that does not exist; its owner's alone */
export async function copyStore({ store }: MachineContext, path: string): Promise<void> {
    await Promise.resolve();
    closeSync(openSync(path, "wx", 0o600));
    store.copyTo(path);
}

/**
 * It lies in the file of the ratchets, because it is their age that counts: beside a newer database an old copy of them
 * is as old.
 */
export function generation({ store }: MachineContext): Promise<Generation> {
    return store.atomically((sql) => ({
        value: Number(readMeta(sql, names.value) ?? 0),
        published: Number(readMeta(sql, names.published) ?? 0),
    }));
}

export function setGeneration(context: MachineContext, { value, published }: Generation): Promise<void> {
    return commit(context, (sql) => {
        writeMeta(sql, names.value, String(value));
        writeMeta(sql, names.published, String(published));
    });
}
