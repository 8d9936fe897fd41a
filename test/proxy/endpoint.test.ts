import { expect, test } from "vitest";
import { endpointOf } from "./endpoint.ts";

test.each([
    ["GET", "/_matrix/client/versions", "GET /_matrix/client/versions"],
    ["GET", "/_matrix/client/v3/sync", "GET /sync"],
    ["POST", "/_matrix/client/v3/keys/claim", "POST /keys/claim"],
    ["PUT", "/_matrix/client/v3/sendToDevice/m.room.encrypted/backscroll-1", "PUT /sendToDevice/m.room.encrypted/*"],
    ["PUT", "/_matrix/client/v3/rooms/!a:b/send/m.room.encrypted/txn", "PUT /rooms/*/send/m.room.encrypted/*"],
    ["PUT", "/_matrix/client/v3/rooms/!a:b/state/m.room.member/@c:d", "PUT /rooms/*/state/m.room.member/*"],
    ["GET", "/_matrix/client/v3/rooms/!a:b/state/m.room.member/@c:d", "GET /rooms/*/state/m.room.member/*"],
    ["POST", "/_matrix/media/v1/create", "POST /media/create"],
    ["PUT", "/_matrix/media/v3/upload/b/AbC", "PUT /media/upload/*"],
    [
        "PUT",
        "/_matrix/client/v3/user/@c:d/account_data/m.cross_signing.master",
        "PUT /user/*/account_data/m.cross_signing.master",
    ],
    ["POST", "/_matrix/client/v3/join/#a:b", "POST /join/*"],
])("%s %s is %s", (method, path, name) => expect(endpointOf(method, path)).toBe(name));
