import { DeviceId, initAsync, OlmMachine, StoreHandle, UserId } from "@matrix-org/matrix-sdk-crypto-wasm";
import { z } from "zod";
import { createIndexedDB } from "../../../indexeddb/index.ts";
import { deriveKey } from "../../../sealing/index.ts";
import { BOT, storeKey } from "./bot.ts";

const keyExport = z.array(z.unknown());

/** The room keys that the machine of this store, which nobody has open, keeps itself. */
export async function machineHolds(path: string): Promise<readonly unknown[]> {
    const store = createIndexedDB({ path });
    store.install(globalThis);
    await initAsync();
    const handle = await StoreHandle.openWithKey("backscroll", deriveKey(storeKey, "crypto machine"));
    const machine = await OlmMachine.initFromStore(new UserId(BOT.userId), new DeviceId(BOT.deviceId), handle);
    const held = keyExport.parse(JSON.parse(await machine.exportRoomKeys(() => true)));
    machine.close();
    await new Promise((resolve) => setImmediate(resolve));
    store.close();
    return held;
}
