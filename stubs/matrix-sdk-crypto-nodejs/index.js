"use strict";

// matrix-bot-sdk reads these names while it loads; Backscroll does its cryptography elsewhere and never calls them.
exports.RustSdkCryptoStoreType = {};
exports.StoreType = {};
