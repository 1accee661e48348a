"""Check uploads, copy them to be scanned, and record what the scanner found.

The function is invoked asynchronously, once for each message (`redress.files.messages`). If it
fails, Lambda repeats the call twice, after a minute and after two more. Then the call goes to the
dead-letter queue. Its file stays unchecked meanwhile, so nobody can open it; the ticket goes on.
"""

from __future__ import annotations

from typing import Any

from redress.base import observe
from redress.files import contents, messages
from redress.files.messages import Arrived, Held, Judged, LookForUploads, Mailed, Referred, file_in
from redress.wiring import checker as wiring

logger = observe.logger("checker")


@logger.inject_lambda_context(clear_state=True)
@observe.discreet(logger)
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Carry out one message, and return what was done in a word."""
    if event.get("warm"):
        wiring.arriving(contents.media_type)
        wiring.verdicts()
        return {"warm": True}
    match messages.decode(event):
        case Arrived(key):
            return {"done": _arrived(key)}
        case Referred(number, files):
            wiring.arriving(contents.media_type).refer(number, files)
            logger.info("files were sent", extra={"ticket": number, "files": len(files)})
            return {"done": "referred"}
        case Judged(number, _) as judged:
            state = wiring.verdicts().judged(judged)
            logger.info("a file was scanned", extra={"ticket": number, "state": state.value})
            return {"done": "judged"}
        case Mailed(number, event_number):
            waiting = wiring.mails().copy(number, event_number)
            logger.info("files of a mail", extra={"ticket": number, "waiting": waiting})
            return {"done": "mailed"}
        case Held(number, _) as held:
            known = wiring.asking(contents.media_type).ask(held)
            logger.info("a file waits long", extra={"ticket": number, "verdict_found": known})
            return {"done": "asked"}
        case LookForUploads():
            taken = wiring.arriving(contents.media_type).unreported()
            logger.info("looked for uploads", extra={"taken": len(taken)})
            return {"done": "looked"}
    logger.info("the message is about no file")
    return {"done": "nothing"}


def _arrived(key: str) -> str:
    found = file_in(key)
    if found is None or found[0] != "uploads":
        logger.info("the object is no upload to a ticket")
        return "nothing"
    _, number, file = found
    new = wiring.arriving(contents.media_type).gathered(number, file)
    states = [one.state.value for one in new]
    logger.info("files arrived", extra={"ticket": number, "states": states})
    return "arrived"
