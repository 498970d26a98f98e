"""What is wrong with an expression, and where."""

from trafficfed.model import Value

TOO_COSTLY, INVALID = "TooCostly", "Invalid"


class Problem(Value, frozen=True, kw_only=True):
    """``line`` and ``column`` count from 1; 0 where it is the expression as a whole.

    >>> str(Problem(line=1, column=8, message="undeclared reference to 'x'"))
    "line 1, column 8: undeclared reference to 'x'"
    """

    line: int = 0
    column: int = 0
    message: str
    reason: str = TOO_COSTLY

    def __str__(self) -> str:
        return f"line {self.line}, column {self.column}: {self.message}" if self.line else self.message
