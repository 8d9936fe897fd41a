import { loadSettings } from "../config/index.ts";
import { exitCodes } from "../failures/index.ts";
import { type Invocation, note, print } from "./context.ts";

export async function login(invocation: Invocation): Promise<number> {
    const { settings, warnings } = loadSettings(invocation);
    for (const warning of warnings) note(`warning: ${warning}`);
    const { loginAccount } = await import("../bot/index.ts");
    const account = await loginAccount({ settings, resetIdentity: invocation.options["resetIdentity"] === true });
    print(`Logged in as ${account.userId}, device ${account.deviceId}.\nFingerprint: ${account.fingerprint}`);
    if (account.recoveryKeyFile !== undefined)
        note(
            `A recovery key was made: ${account.recoveryKeyFile}. Move it to a safe place; with it the bot survives the loss of its data folder.`,
        );
    return exitCodes.done;
}
