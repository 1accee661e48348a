"""The table of the lifecycle: which step is possible in which state, and which state follows."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from redress.tickets.rules.ticket import State


class Step(StrEnum):
    ACKNOWLEDGE = "acknowledge"
    ASSIGN = "assign"
    REASSIGN = "reassign"
    HAND_OVER = "hand_over"
    ACCEPT = "accept"
    DECLINE = "decline"
    CLASSIFY = "classify"
    RECLASSIFY = "reclassify"
    TAG = "tag"
    MATCH = "match"
    TELL_PROGRESS = "tell_progress"
    PROMISE = "promise"
    HOLD = "hold"
    RELEASE = "release"
    CORRECT = "correct"
    RECORD_EARLIER_ANSWER = "record_earlier_answer"
    CHANGE_PLAN = "change_plan"
    REPLY = "reply"
    REPLY_AND_WAIT = "reply_and_wait"
    NOTE = "note"
    MENTION = "mention"
    SET_MENTIONS = "set_mentions"
    SET_FIELDS = "set_fields"
    REMIND = "remind"
    OPEN_TASK = "open_task"
    ASSIGN_TASK = "assign_task"
    FINISH_TASK = "finish_task"
    RETURN_TASK = "return_task"
    CANCEL_TASK = "cancel_task"
    PRESS_TASK = "press_task"
    ASK_EXTENSION = "ask_extension"
    DECIDE_EXTENSION = "decide_extension"
    URGE = "urge"
    SET_CHECKLIST = "set_checklist"
    GIVE_ITEM = "give_item"
    READ_ITEM = "read_item"
    ACCEPT_ITEM = "accept_item"
    REJECT_ITEM = "reject_item"
    FINISH_STEP = "finish_step"
    TELL_OBSTACLE = "tell_obstacle"
    PROPOSE_REMEDY = "propose_remedy"
    APPROVE_REMEDY = "approve_remedy"
    REFUSE_REMEDY = "refuse_remedy"
    WITHDRAW_REMEDY = "withdraw_remedy"
    FINISH_REMEDY = "finish_remedy"
    WRITE_POST_MORTEM = "write_post_mortem"
    LINK = "link"
    FOLLOW_UP = "follow_up"
    UNLINK = "unlink"
    MERGE = "merge"
    TAKE_IN = "take_in"
    TAKE_IN_WORDS = "take_in_words"
    UNMERGE = "unmerge"
    UNMERGE_UNANSWERED = "unmerge_unanswered"
    UNMERGE_WAITING = "unmerge_waiting"
    GIVE_BACK = "give_back"
    GIVE_BACK_WORDS = "give_back_words"
    PART = "part"
    SPLIT = "split"
    SPLIT_WORDS = "split_words"
    SPLIT_MERGED = "split_merged"
    UNSPLIT = "unsplit"
    UNSPLIT_WORDS = "unsplit_words"
    UNSPLIT_MERGED = "unsplit_merged"
    END_SPLIT = "end_split"
    PROPOSE_DUPLICATE = "propose_duplicate"
    DISMISS_DUPLICATE = "dismiss_duplicate"
    JOIN_INCIDENT = "join_incident"
    LEAVE_INCIDENT = "leave_incident"
    WRITE = "write"
    THANK = "thank"
    COUNT_MESSAGE = "count_message"
    NOTE_MAIL = "note_mail"
    SET_PARTICIPANTS = "set_participants"
    SET_ABOUT = "set_about"
    DOUBT_ABOUT = "doubt_about"
    RESOLVE = "resolve"
    RECORD_NO_ANSWER = "record_no_answer"
    CONFIRM = "confirm"
    DISPUTE = "dispute"
    ANSWER_SURVEY = "answer_survey"
    WITHDRAW = "withdraw"
    RECORD_CALL = "record_call"
    REPORT_ANSWER = "report_answer"
    CLOSE = "close"


_N, _O, _W, _R, _C, _X = (
    State.NEW,
    State.OPEN,
    State.WAITING,
    State.RESOLVED,
    State.CONFIRMED,
    State.CLOSED,
)


STEPS: Mapping[Step, Mapping[State, State]] = {
    Step.ACKNOWLEDGE: {s: s for s in (_N, _O, _W, _R, _C, _X)},
    Step.ASSIGN: {_N: _N, _O: _O, _W: _W},
    Step.REASSIGN: {_N: _N, _O: _O, _W: _W},
    # Somebody else does what is still owed on it (`Ticket.owes_work`).
    Step.HAND_OVER: {_R: _R, _C: _C, _X: _X},
    Step.ACCEPT: {_N: _N, _O: _O, _W: _W},
    Step.DECLINE: {_N: _N, _O: _O, _W: _W},
    # Rules classify a ticket before anybody has worked on it.
    Step.CLASSIFY: {_N: _N},
    Step.RECLASSIFY: {_N: _N, _O: _O, _W: _W},
    Step.TAG: {_N: _N, _O: _O, _W: _W, _R: _R, _C: _C},
    Step.SET_FIELDS: {_N: _N, _O: _O, _W: _W, _R: _R, _C: _C},
    Step.MATCH: {s: s for s in (_N, _O, _W, _R, _C, _X)},
    Step.TELL_PROGRESS: {_N: _N, _O: _O, _W: _W},
    Step.PROMISE: {_N: _N, _O: _O, _W: _W},
    # A new ticket cannot be put on hold, because the customer's first message is unanswered.
    Step.HOLD: {_O: _O, _W: _W},
    Step.RELEASE: {_O: _O, _W: _W},
    Step.CORRECT: {_N: _N, _O: _O, _W: _W, _R: _R, _C: _C},
    Step.RECORD_EARLIER_ANSWER: {_N: _O, _O: _O},
    Step.CHANGE_PLAN: {_N: _N, _O: _O, _W: _W, _R: _R, _C: _C},
    Step.REPLY: {_N: _O, _O: _O, _W: _O},
    Step.REPLY_AND_WAIT: {_N: _W, _O: _W, _W: _W},
    Step.NOTE: {s: s for s in (_N, _O, _W, _R, _C, _X)},
    # A mention ends when the ticket is closed.
    Step.MENTION: {_N: _N, _O: _O, _W: _W, _R: _R, _C: _C},
    Step.SET_MENTIONS: {_N: _N, _O: _O, _W: _W, _R: _R, _C: _C},
    # A link changes nothing else, so a closed ticket can have one, too.
    Step.LINK: {s: s for s in (_N, _O, _W, _R, _C, _X)},
    Step.UNLINK: {s: s for s in (_N, _O, _W, _R, _C, _X)},
    # The matter goes on in the other ticket, which takes it in.
    Step.MERGE: {_N: _X, _O: _X, _W: _X},
    Step.TAKE_IN: {_N: _N, _O: _O, _W: _W},
    # A message that nobody has answered, or what nobody has checked, comes with it, as if the
    # customer had sent it here.
    Step.TAKE_IN_WORDS: {_N: _N, _O: _O, _W: _O},
    # A merge is undone: the source is in the state in which it was merged, and so is the target.
    Step.UNMERGE: {_X: _O},
    Step.UNMERGE_UNANSWERED: {_X: _N},
    Step.UNMERGE_WAITING: {_X: _W},
    Step.GIVE_BACK: {_N: _N, _O: _O, _W: _W},
    Step.GIVE_BACK_WORDS: {_O: _W},
    # The merged ticket is another customer's. A closed ticket still has words to its customer.
    Step.PART: {s: s for s in (_N, _O, _W, _R, _C, _X)},
    # What a customer wrote after the resolution can be another matter, too.
    Step.SPLIT: {_N: _N, _O: _O, _W: _W, _R: _R, _C: _C},
    # The messages that ended the wait for the customer were about something else.
    Step.SPLIT_WORDS: {_O: _W},
    # Words of a merged ticket are split off the one in which they go on. It is marked where they
    # were written.
    Step.SPLIT_MERGED: {_X: _X},
    Step.UNSPLIT: {_N: _N, _O: _O, _W: _W, _R: _R, _C: _C},
    Step.UNSPLIT_WORDS: {_W: _O},
    Step.UNSPLIT_MERGED: {_X: _X},
    # After a public word a split is not undone, so nobody has answered in the ticket that ends.
    Step.END_SPLIT: {_N: _X},
    # Nobody works on a ticket that is over, so it is too late to work on both as one.
    Step.PROPOSE_DUPLICATE: {_N: _N, _O: _O, _W: _W},
    Step.DISMISS_DUPLICATE: {_N: _N, _O: _O, _W: _W, _R: _R, _C: _C},
    # An incident counts all its cases, also those that were solved before anybody saw the cause.
    Step.JOIN_INCIDENT: {s: s for s in (_N, _O, _W, _R, _C, _X)},
    Step.LEAVE_INCIDENT: {s: s for s in (_N, _O, _W, _R, _C, _X)},
    # Whoever is still worked for writes a message instead.
    Step.FOLLOW_UP: {_R: _R, _C: _C, _X: _X},
    # A resolved ticket keeps its agent, who calls the customer back.
    Step.REMIND: {_N: _N, _O: _O, _W: _W, _R: _R},
    Step.OPEN_TASK: {_N: _N, _O: _O, _W: _W},
    # A task that is not required may go on after the resolution. It ends when the ticket is closed.
    Step.ASSIGN_TASK: {_N: _N, _O: _O, _W: _W, _R: _R, _C: _C},
    Step.FINISH_TASK: {_N: _N, _O: _O, _W: _W, _R: _R, _C: _C},
    Step.RETURN_TASK: {_N: _N, _O: _O, _W: _W, _R: _R, _C: _C},
    Step.CANCEL_TASK: {_N: _N, _O: _O, _W: _W, _R: _R, _C: _C},
    Step.PRESS_TASK: {_N: _N, _O: _O, _W: _W, _R: _R, _C: _C},
    Step.ASK_EXTENSION: {_N: _N, _O: _O, _W: _W, _R: _R, _C: _C},
    Step.DECIDE_EXTENSION: {_N: _N, _O: _O, _W: _W, _R: _R, _C: _C},
    # While the ticket waits for the customer, only a department with an open task can be urged.
    Step.URGE: {_N: _N, _O: _O, _W: _W},
    # The checklist follows from kind, category and plan, so it changes with them.
    Step.SET_CHECKLIST: {_N: _N, _O: _O, _W: _W, _R: _R, _C: _C},
    # Whoever gives something has nothing to give after the resolution.
    Step.GIVE_ITEM: {_N: _N, _O: _O, _W: _O},
    # To have read a note answers no question of staff.
    Step.READ_ITEM: {_N: _N, _O: _O, _W: _W},
    Step.ACCEPT_ITEM: {_N: _N, _O: _O, _W: _W},
    Step.REJECT_ITEM: {_N: _N, _O: _O, _W: _W},
    Step.FINISH_STEP: {_N: _N, _O: _O, _W: _W},
    Step.TELL_OBSTACLE: {_N: _N, _O: _O, _W: _W},
    Step.PROPOSE_REMEDY: {_N: _N, _O: _O, _W: _W, _R: _R, _C: _C},
    # What was promised is owed until it is done, also when the ticket is closed.
    Step.APPROVE_REMEDY: {s: s for s in (_N, _O, _W, _R, _C, _X)},
    Step.REFUSE_REMEDY: {s: s for s in (_N, _O, _W, _R, _C, _X)},
    Step.WITHDRAW_REMEDY: {s: s for s in (_N, _O, _W, _R, _C, _X)},
    Step.FINISH_REMEDY: {s: s for s in (_N, _O, _W, _R, _C, _X)},
    # Before the closing, nobody knows how it ended.
    Step.WRITE_POST_MORTEM: {_X: _X},
    Step.WRITE: {_N: _N, _O: _O, _W: _O, _R: _R, _C: _C},
    # A bare thanks changes nothing: a waiting ticket waits on, because its question is still open.
    Step.THANK: {s: s for s in (_N, _O, _W, _R, _C, _X)},
    # A person decides that a thanks was more than that. Messages never reopen a closed ticket.
    Step.COUNT_MESSAGE: {_N: _N, _O: _O, _W: _O, _R: _R, _C: _C},
    # A mail about a ticket is logged in every state.
    Step.NOTE_MAIL: {s: s for s in (_N, _O, _W, _R, _C, _X)},
    Step.SET_PARTICIPANTS: {_N: _N, _O: _O, _W: _W, _R: _R, _C: _C},
    # Records of calls come late, and a closed ticket keeps its history complete.
    Step.RECORD_CALL: {s: s for s in (_N, _O, _W, _R, _C, _X)},
    # So do reports of what became of an answer.
    Step.REPORT_ANSWER: {s: s for s in (_N, _O, _W, _R, _C, _X)},
    # It can become known at any time that a complaint is about a member of staff.
    Step.SET_ABOUT: {s: s for s in (_N, _O, _W, _R, _C, _X)},
    # Only before routing (`staff.cases.about_search`): an agent who has the ticket has read it.
    Step.DOUBT_ABOUT: {_N: _N, _O: _O, _W: _W},
    Step.RESOLVE: {_N: _R, _O: _R, _W: _R},
    Step.RECORD_NO_ANSWER: {_R: _R},
    Step.CONFIRM: {_R: _C},
    Step.DISPUTE: {_R: _O, _C: _O},
    # A low answer leaves a resolved ticket resolved (`by_customer.answer_survey`).
    Step.ANSWER_SURVEY: {_R: _X, _C: _X},
    Step.WITHDRAW: {_N: _X, _O: _X, _W: _X, _R: _X},
    Step.CLOSE: {_R: _X, _C: _X},
}
"""Step -> state before the step -> state after it. A step is refused in every other state."""


CALLBACK_OUTCOMES = ("confirmed", "dissatisfied", "no_answer")


CONFIRMED_BY_CUSTOMER = "confirmed"


UNCONFIRMED = "unconfirmed"


WITHDRAWN = "withdrawn"


ANSWERED = "answered"


MERGED = "merged"
"""The closure of a ticket that was merged into another one."""


SPLIT_UNDONE = "split_undone"
"""The closure of a ticket that was split off another one, to which its messages went back."""


SURVEY_SCORES = ("overall", "speed", "solution", "attitude", "knowledge", "friendliness")


SURVEY_TEXT_LIMIT = 5_000
TEXT_LIMIT = 20_000


MOST_PARTICIPANTS = 10


MOST_ABOUT = 20
"""The most members of staff whom one complaint is about. Each is an item of the transaction."""


MOST_DECLINED = 20
"""The most agents who decline one ticket. The snapshot contains them. After that a leader decides
who gets it."""


MOST_LINKS = 20
"""The most tickets with which one ticket is linked. The snapshot contains them."""


MOST_SPLIT = 20
"""The most messages that are split off at once. Each is an event of the new ticket, and an item of
the transaction. The snapshot of the new ticket contains their numbers."""


MOST_DUPLICATES = 3
"""The most tickets that are proposed as duplicates of one ticket. The snapshot contains them."""


MOST_MENTIONS = 10
"""The most members whom one note mentions. Each gets a mail, and is an item of the transaction."""


MOST_MENTIONED = 20
"""The most members whom the notes of one ticket mention. Each is an item of the transaction that
closes the ticket."""


STRANGER = "stranger"
"""Why a mail was logged on a ticket: it has the ticket's signed address or id, but its sender is
not a party. Staff can accept such a mail."""


RETURNED = "returned"
"""Why a mail was logged on a ticket: a mail of the ticket came back."""
UNSENT = "unsent"
"""Why a mail was logged on a ticket: a mail of the ticket was not sent, because nothing is sent to
this address, or no carrier takes it."""


REMEDY_LIMIT = 2_000
"""The limit for a remedy and for a root cause, in characters. It is low because both are in the
snapshot, and every step writes the snapshot."""
