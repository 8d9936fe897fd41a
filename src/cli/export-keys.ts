import { exitCodes, Failure } from "../failures/index.ts";
import { argument, option, pathArgument, roomId } from "./arguments.ts";
import { type Invocation, note, print } from "./context.ts";
import { PrivateFile } from "./private-file.ts";
import { withBot } from "./with-bot.ts";

export async function exportKeys(invocation: Invocation): Promise<number> {
    const room = roomId(option(invocation, "room") ?? "", { name: "--room", command: "export-keys" });
    if (invocation.options["plain"] !== true || invocation.options["passphraseFile"] !== undefined)
        throw new Failure("not_built_yet", {
            what: "A passphrase-protected export",
            instead: "Use --plain, and keep the file safe: whoever has it can read the room.",
        });
    using file = PrivateFile.create(pathArgument(invocation, argument(invocation, 0)));
    const count = await withBot(invocation, async (bot) => {
        let written = 0;
        for (let after = 0; ;) {
            const { sessions, next } = await bot.call("exportRoomKeys", { roomId: room, after });
            for (const session of sessions) file.write(`${written++ === 0 ? "[\n" : ",\n"}${JSON.stringify(session)}`);
            if (next === undefined) return written;
            after = next;
        }
    });
    if (count === 0) {
        note(`The bot holds no key of ${room}; nothing was written.`);
        return exitCodes.no;
    }
    file.write("\n]\n");
    file.publish();
    print(
        `${count} room keys were written to ${file.path}. They are not encrypted: whoever has the file can read the room.`,
    );
    return exitCodes.done;
}
