import type { Homeserver, HomeserverAccess } from "./api.ts";
import { Client, type ClientOptions, prepareSdk } from "./client.ts";
import { accountData, putAccountData } from "./account-data.ts";
import { postKeys, sendToDevice } from "./keys.ts";
import { deleteDevice, login, signingKeysUpload, versions, whoami } from "./login.ts";
import { createMedia, getMedia, mediaExists, putMedia, uploadLimit } from "./media.ts";
import { memberEvent, putMember } from "./members.ts";
import { messages } from "./messages.ts";
import { claimKeys, queryKeys } from "./others-keys.ts";
import { hasAccount } from "./profile.ts";
import { createRoom, event, join, leave, roomState, sendEvent } from "./rooms.ts";
import { sync } from "./sync.ts";

export interface ConnectOptions extends ClientOptions {
    /** Who we are: for logging in and for user-interactive authentication. */
    readonly userId: string;
}

/** Everything that the program asks of one homeserver, as one user. Sends nothing yet. */
export function connectHomeserver(options: ConnectOptions): Homeserver & HomeserverAccess {
    prepareSdk();
    const { userId, log } = options;
    const client = new Client(options);
    return {
        versions: () => versions(client),
        login: (password, deviceId) => login(client, userId, password, deviceId),
        deleteDevice: (deviceId, password) => deleteDevice(client, userId, deviceId, password),
        useAccessToken: (token) => client.useAccessToken(token),
        whoami: () => whoami(client),
        keysUpload: (body) => postKeys(client, "upload", body),
        keysQuery: (body, call) => queryKeys({ client, log }, body, call),
        keysClaim: (body, call) => claimKeys({ client, log }, body, call),
        signaturesUpload: (body) => postKeys(client, "signatures/upload", body),
        sendToDevice: (eventType, txnId, body, call) => sendToDevice(client, eventType, txnId, body, call),
        signingKeysUpload: (body, password) => signingKeysUpload(client, userId, body, password),
        sync: (call) => sync(client, call),
        accountData: (user, type) => accountData(client, user, type),
        putAccountData: (user, type, content) => putAccountData(client, user, type, content),
        uploadLimit: () => uploadLimit(client),
        createMedia: () => createMedia(client),
        putMedia: (mxc, pieces) => putMedia(client, mxc, pieces),
        mediaExists: (mxc) => mediaExists(client, mxc),
        getMedia: (mxc, maxBytes) => getMedia(client, mxc, maxBytes),
        createRoom: (content) => createRoom(client, content),
        join: (roomId, via) => join(client, roomId, via),
        leave: (roomId, reason) => leave(client, roomId, reason),
        hasAccount: (user) => hasAccount(client, user),
        roomState: (roomId) => roomState(client, roomId),
        memberEvent: (roomId, user) => memberEvent(client, roomId, user),
        putMember: (roomId, user, content) => putMember(client, roomId, user, content),
        messages: (roomId, page) => messages(client, roomId, page),
        event: (roomId, eventId) => event(client, roomId, eventId),
        sendEvent: (roomId, eventType, txnId, content) => sendEvent(client, roomId, eventType, txnId, content),
    };
}
