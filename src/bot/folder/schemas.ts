import { accountSchema } from "../../account/index.ts";
import { chatSchema } from "../../chat/index.ts";
import type { Schema } from "../../database/index.ts";
import { runningClockSchema } from "../../due/index.ts";
import { receivingSchema } from "../../receiving/index.ts";
import { leftRoomsSchema, roomsSchema } from "../../rooms/index.ts";
import { sharingSchemas } from "../../sharing/index.ts";
import { syncSchema } from "../../sync/index.ts";
import { timelineSchema } from "../../timeline/index.ts";
import { commitMarkSchema } from "./commit-mark.ts";
import { storeCheckSchema } from "./store-check-record.ts";

/** Every part's tables in `backscroll.sqlite`. */
export const schemas: readonly Schema[] = [
    // Before the parts whose tables it takes something over from.
    runningClockSchema,
    accountSchema,
    roomsSchema,
    ...sharingSchemas,
    syncSchema,
    chatSchema,
    timelineSchema,
    leftRoomsSchema,
    receivingSchema,
    commitMarkSchema,
    storeCheckSchema,
];
