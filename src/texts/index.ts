export { inviteTexts } from "./invites.ts";
export {
    correction,
    greeting,
    type GreetingFacts,
    type GreetingKind,
    greetingKinds,
    kindOf,
    noticeText,
    type NoticeFacts,
    verificationReason,
} from "./messages.ts";
