"""What a sending ends with where the other side did not take it."""


class DeliveryError(OSError):
    """The destination did not take it; carries a code."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code[:40]
