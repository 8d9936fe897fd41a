"use strict";

module.exports = () => {
    throw new Error(
        "the request package is replaced by a stub: every HTTP call goes through src/homeserver/transport.ts",
    );
};
