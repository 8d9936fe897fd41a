import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { createClient, RoomEvent, RoomMemberEvent } from "matrix-js-sdk";

// The peer to beat: what somebody would write in an evening. It listens, and invites again whoever is invited, with
// history sharing.
const [url = "", user = "", password = ""] = process.argv.slice(2);
const quiet = { trace() {}, debug() {}, info() {}, warn() {}, error() {}, getChild: () => quiet };

const login = await createClient({ baseUrl: url, logger: quiet }).loginRequest({
    type: "m.login.password",
    identifier: { type: "m.id.user", user },
    password,
});
const client = createClient({
    baseUrl: url,
    userId: login.user_id,
    deviceId: login.device_id,
    accessToken: login.access_token,
    logger: quiet,
});
await client.initRustCrypto({ useIndexedDB: false });
client.on(RoomEvent.MyMembership, (room, membership) => {
    if (membership === "invite") void client.joinRoom(room.roomId);
});
client.on(RoomMemberEvent.Membership, (event, member) => {
    if (member.membership !== "invite" || member.userId === login.user_id || event.getSender() === login.user_id)
        return;
    void client.invite(member.roomId, member.userId);
});
await client.startClient({ initialSyncLimit: 10 });
await client.getCrypto()?.bootstrapCrossSigning({ authUploadDeviceSigningKeys: async (upload) => upload(null) });
console.log("ready");

// Each line names a file of room keys to import. Ends with whoever started it.
createInterface({ input: process.stdin })
    .on("line", (path) => {
        void client
            .getCrypto()
            ?.importRoomKeysAsJson(readFileSync(path, "utf8"))
            .then(() => console.log("imported"));
    })
    .on("close", () => process.exit(0));
