"""Checks of what a patch assumes about the emulator; a patch is refused if one fails."""


class NotAsExpected(RuntimeError):
    """The emulator's code is not the code that a patch was written for."""


def expect(holds: object, belief: str) -> None:
    """Raises NotAsExpected, naming `belief`, unless `holds` is true."""
    if not holds:
        raise NotAsExpected(f"the emulator is not as this patch expects it: {belief}")
