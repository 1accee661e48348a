"""Each patch says what it believes about the emulator, and is refused when that is not so."""


class NotAsExpected(RuntimeError):
    """The emulator is not the one that this patch was written for."""


def expect(holds: object, belief: str) -> None:
    """Raises NotAsExpected unless `holds`."""
    if not holds:
        raise NotAsExpected(f"the emulator is not as this patch expects it: {belief}")
