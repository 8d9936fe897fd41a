import { faultNames } from "./faults.ts";
import { playCells } from "./play-cells.ts";
import { storyRequests } from "./stage.ts";

playCells(storyRequests.flatMap((request) => faultNames.map((fault) => ({ request, fault }))));
